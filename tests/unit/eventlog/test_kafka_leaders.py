"""Which partitions are left out of windows, and why."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from infra.eventlog import kafka_leaders
from infra.eventlog.kafka_leaders import Leaders
from infra.eventlog.log import LogUnavailable
from infra.eventlog.topics import Names

Tell = Callable[[dict[int, tuple[int, list[int]]] | KafkaException], Leaders]


@pytest.fixture
def tell(monkeypatch: pytest.MonkeyPatch) -> Tell:
    """Leaders that are told, of each partition on the brokers 1, 2 and 3, its leader and the replicas in sync; two have to be."""

    def tell(found: dict[int, tuple[int, list[int]]] | KafkaException) -> Leaders:
        def list_topics(topic: str, timeout: float) -> Any:  # noqa: ARG001
            if isinstance(found, KafkaException):
                raise found
            partitions = {
                id: SimpleNamespace(id=id, leader=leader, isrs=isrs, replicas=[3, 1, 2]) for id, (leader, isrs) in found.items()
            }
            return SimpleNamespace(topics={topic: SimpleNamespace(partitions=partitions)})

        monkeypatch.setattr(kafka_leaders, "settings_of", lambda *_: {"min.insync.replicas": "2"})
        return Leaders(cast(AdminClient, SimpleNamespace(list_topics=list_topics)), Names("live"))

    return tell


def test_a_partition_without_leader_or_enough_replicas_takes_no_records(tell: Tell) -> None:
    leaders = tell({0: (1, [1, 2]), 1: (-1, [3]), 2: (2, [2]), 3: (-1, [])})
    assert leaders.unwritable(["0", "1", "2"]) == {
        "1": "live.ledger.events/1 has no leader: the brokers [1, 2, 3] are away",
        "2": "live.ledger.events/2 has 1 of its replicas [1, 2, 3] in sync, and takes no records with fewer than 2",
    }


def test_the_catalog_is_looked_up_in_its_own_topic(tell: Tell) -> None:
    assert tell({0: (-1, [])}).unwritable(["catalog"]) == {
        "catalog": "live.ledger.catalog/0 has no leader: the brokers [1, 2, 3] are away"
    }


def test_nothing_is_said_of_leaders_whom_nobody_tells(tell: Tell) -> None:
    with pytest.raises(LogUnavailable):
        tell(KafkaException(KafkaError(KafkaError._TRANSPORT))).unwritable(["0"])
    with pytest.raises(LogUnavailable):
        tell({}).unwritable(["0"])
