"""A partition whose only broker is gone: the others go on without it, and it comes back with its broker."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, NewTopic
from eventsourcing.persistence import OperationalError

from infra.eventlog import topics
from infra.eventlog.blocking import BlockingWriter
from infra.eventlog.kafka import KafkaLog
from tests.integration.kafka.support import append, commands, judge, quarantined, read_to_end
from tests.kafka_broker.pair import SecondBroker, pair

ENVIRONMENT = "t"
SICK, SOUND = "1", ("catalog", "0")


class Writer(BlockingWriter):
    """``reasons`` is why partitions were stopped, by their names."""

    def __init__(self, log: KafkaLog, indexes: Path) -> None:
        self.reasons: dict[str, str] = {}
        super().__init__(log, indexes)

    def stopped(self, partitions: frozenset[str], reason: str) -> None:
        self.reasons |= dict.fromkeys(partitions, reason)
        super().stopped(partitions, reason)


@pytest.fixture
def brokers(tmp_path: Path) -> Iterator[tuple[str, SecondBroker]]:
    """All is on the first broker, but the sick partition on the second alone."""
    with pair(tmp_path / "kafka") as (address, second):
        names, copies = topics.Names(ENVIRONMENT), {"min.insync.replicas": "1"}
        admin = AdminClient({"bootstrap.servers": address})
        wanted = [
            NewTopic(names.events, 2, replica_assignment=[[1], [2]], config=topics.KEPT | copies),
            NewTopic(names.catalog, 1, replica_assignment=[[1]], config=topics.KEPT | copies),
            NewTopic(names.keys, 1, replica_assignment=[[1]], config=topics.COMPACTED | copies),
        ]
        for created in admin.create_topics(wanted).values():
            created.result()
        topics.create(address, ENVIRONMENT, partitions=2)  # records their number
        yield address, second


@pytest.mark.kafka
def test_other_partitions_go_on_without_one_whose_leader_is_away(brokers: tuple[str, SecondBroker], tmp_path: Path) -> None:
    # given a node that writes all partitions
    address, second = brokers
    log = KafkaLog(address, ENVIRONMENT, "node")
    writer = Writer(log, tmp_path / "indexes")
    written = {partition: ["before"] for partition in (*SOUND, SICK)}
    for partition in written:
        writer.append(append(partition, "before"))
    # when the only broker of one of them dies, then what is under way there fails
    second.kill()
    with ThreadPoolExecutor() as clients:
        outcomes = {partition: clients.submit(writer.append, append(partition, "meanwhile")) for partition in written}
    assert isinstance(outcomes[SICK].exception(), OperationalError)
    for partition, outcome in outcomes.items():
        if outcome.exception() is None:
            written[partition].append("meanwhile")
    # and the others are written again, by this node and by one that starts anew
    _write(writer, "without", written)
    writer.close()
    writer = Writer(log, tmp_path / "indexes")
    _write(writer, "anew", written)
    # and when the broker comes back, so does its partition
    second.start()
    writer.append(append(SICK, "after"))
    written[SICK].append("after")
    writer.close()
    # and what was acknowledged is there, once and in its order
    read = read_to_end(log, written)
    for partition, names in written.items():
        results = judge(read, partition)[1]
        assert commands(results) == names
        assert not quarantined(results)


def _write(writer: Writer, name: str, written: dict[str, list[str]]) -> None:
    """To all partitions but the sick one."""
    for partition in SOUND:
        writer.append(append(partition, name))
        written[partition].append(name)
    assert "has no leader" in writer.reasons[SICK]
