"""A lane: what becomes of a transaction whose producer may do no more."""

from __future__ import annotations

import pytest
from confluent_kafka import TopicPartition

from infra.eventlog import topics
from infra.eventlog.kafka_lane import Lane
from infra.eventlog.log import NotOwner


@pytest.mark.parametrize("records", [1, 200])
def test_who_was_settled_by_a_successor_is_not_the_owner_any_more(
    kafka_bootstrap: str, kafka_environment: str, records: int
) -> None:
    # given a lane that has written, and a successor that has settled it
    topics.create(kafka_bootstrap, kafka_environment, 1, 1, 1)
    names = topics.Names(kafka_environment)
    lane, successor = (Lane({"bootstrap.servers": kafka_bootstrap}, names.transactional_id("node", 0)) for _ in range(2))
    _write(lane, names, 1)
    successor.settle()
    # when it goes on, then it is told so: a fatal error of its producer, in the midst of the reports of what was not delivered
    with pytest.raises(NotOwner):
        _write(lane, names, records)
    # and it can write again, with a producer of its own
    _write(lane, names, records)


def _write(lane: Lane, names: topics.Names, records: int) -> None:
    with lane.transaction(frozenset("0")) as transaction:
        for _ in range(records):
            transaction.produce(TopicPartition(names.events, 0), b"key", b"value", [])
        transaction.flush()
