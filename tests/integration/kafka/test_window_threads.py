"""Two window threads on one log: partitions move between them while commands come, and none is lost or written twice."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

import pytest
from eventsourcing.persistence import OperationalError

from infra.eventlog import blocking
from infra.eventlog.blocking import BlockingWriter
from infra.eventlog.kafka import KafkaLog
from tests.integration.kafka.support import ALL, append, claims, commands, judge, quarantined, read_to_end, until


class Commands:
    """A thread that keeps sending commands for one partition to whichever writer serves it."""

    def __init__(self, partition: str, writers: list[BlockingWriter]) -> None:
        self.acknowledged: list[str] = []
        self.refused: list[str] = []
        self._partition = partition
        self._writers = writers
        self._stop = Event()
        self._thread = Thread(target=self._run, name=f"commands-{partition}")
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        names: Iterator[str] = (f"{self._partition}-{number}" for number in itertools.count())
        for name in names:
            if self._stop.is_set():
                return
            for writer in list(self._writers):
                try:
                    writer.append(append(self._partition, name))
                except OperationalError:
                    continue
                self.acknowledged.append(name)
                break
            else:
                self.refused.append(name)


def serves(writer: BlockingWriter, partition: str) -> bool:
    try:
        return writer.query(partition, lambda _: True)
    except OperationalError:
        return False


def goes_on(senders: list[Commands], count: int) -> None:
    """Wait until each has had ``count`` more commands acknowledged."""
    wanted = [len(sender.acknowledged) + count for sender in senders]
    until(lambda: all(len(sender.acknowledged) >= want for sender, want in zip(senders, wanted, strict=True)), 60)


@pytest.mark.slow
def test_partitions_move_between_nodes_and_nothing_is_lost(
    kafka_bootstrap: str, environment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocking, "SERVING_LIMIT_S", 0.2)

    def writer(name: str) -> BlockingWriter:
        return BlockingWriter(KafkaLog(kafka_bootstrap, environment, name), tmp_path / name)

    partitions = sorted(ALL)
    first, second = writer("127.0.0.1:8001"), None
    writers = [first]
    senders = [Commands(partition, writers) for partition in partitions]
    try:
        # given one node, and commands for every partition
        goes_on(senders, 5)
        # when a second joins and takes some of them over, and later the first leaves
        second = writer("127.0.0.1:8002")
        writers.append(second)
        until(lambda: {serves(first, partition) for partition in partitions} == {True, False})
        goes_on(senders, 20)
        writers.remove(first)
        first.close()
        goes_on(senders, 20)
    finally:
        for sender in senders:
            sender.stop()
        for each in writers:
            each.close()
    # then each acknowledged command counts once, and no record is out of place
    read = read_to_end(KafkaLog(kafka_bootstrap, environment))
    for sender, partition in zip(senders, partitions, strict=True):
        _, results = judge(read, partition)
        counted = commands(results)
        assert len(set(counted)) == len(counted)
        assert set(sender.acknowledged) <= set(counted) <= set(sender.acknowledged) | set(sender.refused)
        assert quarantined(results) == []
        assert len(claims(results)) > 1
