"""Rebuilding a node's indexes from Kafka ÷ a bare consumer of the same topic.

The consumer reads every committed message and drops it: it parses, verifies, decodes and stores nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from statistics import median

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from bench.harness.command import Json, LogName, Rounds, Rows, addresses, main, workspace
from bench.harness.deployment import deployed
from bench.harness.result import Line, Result, Target, show, told
from bench.harness.usage import cpu_of_children_s
from bench.importing import import_subscribers
from infra.bootstrap import open_log
from infra.eventlog.log import Log
from infra.eventlog.rebuild import rebuild_indexes
from infra.eventlog.topics import Names
from infra.node.streams import derive
from infra.settings import Settings

EVENTS_PER_SECOND = 50_000
RATIO = 0.25
_BATCH = 10_000
_LIMIT_S = 30.0


def index_rebuild(rows: Rows = 2000, rounds: Rounds = 5, json: Json = False) -> None:
    """Index rebuild from Kafka ÷ a bare read_committed consumer."""
    with workspace() as folder, addresses(folder, LogName.KAFKA) as found:
        bootstrap = found[LogName.KAFKA]
        assert bootstrap is not None
        lines = list(_measured(bootstrap, folder / "ledger", rows, rounds))
    notes = (
        f"The log holds an import of {rows:,} subscribers with all their history: customers, subscriptions, invoices, payments.",
        "A rebuild takes a process for each processor, and their start is in its time. It verifies each record, stores it by"
        " stream and command, and folds each stream for its timers and open effects. Broker and rebuild share the machine.",
    )
    show(Result("index_rebuild", "Index rebuild from Kafka ÷ a bare consumer", lines, notes), json)


def _measured(bootstrap: str, folder: Path, rows: int, rounds: int) -> Iterator[Line]:
    rebuilt_s, read_s, cpu_s = list[float](), list[float](), list[float]()
    with deployed(folder, bootstrap) as ledger:
        import_subscribers(ledger, folder, rows)
        for number in range(rounds):
            told(f"round {number + 1} of {rounds}")
            begun = time.perf_counter()
            _read(bootstrap, ledger.settings)
            read_s.append(time.perf_counter() - begun)
            begun, used = time.perf_counter(), cpu_of_children_s()
            opened = partial(_opened, ledger.settings)
            events = sum(rebuild_indexes(opened, folder / "index", derive, lambda _: None).values())
            rebuilt_s.append(time.perf_counter() - begun)
            cpu_s.append(cpu_of_children_s() - used)
    rebuilt, read = events / median(rebuilt_s), events / median(read_s)
    yield Line(f"{events:,} events into indexes", rebuilt, "events/s", read, Target("ratio", "≥", RATIO))
    yield Line("the same, by itself", rebuilt, "events/s", target=Target("figure", "≥", EVENTS_PER_SECOND))
    yield Line("processor time of the rebuild", 1e6 * median(cpu_s) / events, "µs an event")


def _opened(settings: Settings) -> AbstractContextManager[Log]:
    return open_log(settings, must_exist=True)


def _read(bootstrap: str, settings: Settings) -> None:
    """Read all of both topics of events. Raises KafkaException."""
    consumer = Consumer({
        "bootstrap.servers": bootstrap, "group.id": "bench", "isolation.level": "read_committed", "enable.auto.commit": False,
        "enable.partition.eof": True,
    })  # fmt: skip
    names = Names(settings.environment)
    places = [
        TopicPartition(topic, partition, OFFSET_BEGINNING)
        for topic in (names.events, names.catalog)
        for partition in consumer.list_topics(topic, _LIMIT_S).topics[topic].partitions
    ]
    consumer.assign(places)
    ended = 0
    try:
        while ended < len(places):
            for message in consumer.consume(_BATCH, 0.1):
                error = message.error()
                if error is None:
                    continue
                if error.code() != KafkaError._PARTITION_EOF:
                    raise KafkaException(error)
                ended += 1
    finally:
        consumer.close()


if __name__ == "__main__":
    main(index_rebuild)
