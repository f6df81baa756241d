"""The watch sees what holds committed readers back: a transaction that nobody ends."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import Producer

from infra.eventlog.kafka import KafkaLog
from infra.eventlog.topics import Names
from infra.metrics.log import LogWatch
from tests.integration.kafka.support import Node, append, until


@contextmanager
def open_transaction(bootstrap: str, environment: str, partition: str) -> Iterator[None]:
    """Of a producer that nobody knows, with one record; aborted in the end."""
    producer = Producer({"bootstrap.servers": bootstrap, "transactional.id": uuid.uuid4().hex})
    producer.init_transactions(20)
    producer.begin_transaction()
    place = Names(environment).place(partition)
    producer.produce(place.topic, b"{}", partition=place.partition)
    producer.flush()
    yield
    producer.abort_transaction(20)


def shown(watch: LogWatch) -> dict[tuple[str, str], float]:
    """What it says by name and partition."""
    return {
        (sample.name, sample.labels.get("partition", "")): sample.value for metric in watch.collect() for sample in metric.samples
    }


def test_an_open_transaction_shows_as_offsets_and_as_time(
    kafka_bootstrap: str, environment: str, log: KafkaLog, node: Node
) -> None:
    # given a partition with events, and a projector that has read one of its offsets
    node.write(append("1", "a", events=3))
    watch = LogWatch(log, lambda: {"1": 1})
    watch.look(100.0)
    end = log.end("1")
    # when a transaction is left open
    with open_transaction(kafka_bootstrap, environment, "1"):
        watch.look(105.0)
        watch.look(110.0)
        found = shown(watch)
    # then the last stable offset stays, the high watermark does not, and the others are none the worse
    assert found["subledger_log_end_offset", "1"] == end
    assert found["subledger_log_undecided_records", "1"] == 1
    assert found["subledger_log_undecided_seconds", "1"] > 0
    assert found["subledger_log_undecided_records", "0"] == found["subledger_log_undecided_seconds", "0"] == 0
    # and the projector's lag is to what it can read
    assert found["subledger_projector_lag_records", "1"] == end - 1

    # when it has ended, which the broker writes down a moment after it said so
    def decided() -> bool:
        watch.look(115.0)
        return shown(watch)["subledger_log_undecided_records", "1"] == 0

    # then nothing is undecided any more
    until(decided)
