"""Transaction windows ÷ the raw loop of two lanes, and what a window's whole turn takes.

Both write the same values to topics of the same kind, in windows of the same size, in turns. The loop begins, produces, sends
offsets and commits. A window's transaction does the same with whole records, and fences only what has been delivered; its whole
turn, from the entries' being handed over to their results, numbers, chains and indexes them, too.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from queue import SimpleQueue
from statistics import median, quantiles

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from bench.harness.command import Json, LogName, Rounds, addresses, main, workspace
from bench.harness.load import LoadFailed
from bench.harness.result import Line, Result, Target, show, told
from infra.eventlog import topics
from infra.eventlog.counts import WindowCounts
from infra.eventlog.derived import Derived
from infra.eventlog.index_queries import IndexQueries
from infra.eventlog.kafka import KafkaLog
from infra.eventlog.listener import Committed, Entry
from infra.eventlog.reader import ReaderState
from infra.eventlog.rebuild import open_index
from infra.eventlog.record import Append, Event, Record
from infra.eventlog.window import WindowThread
from infra.node.streams import derive
from infra.runtime import tune

RATIO = 1.5
SIZES = (10, 100, 1000)
PARTITIONS = 12
_VALUE = b'{"a":"%s"}' % (b"x" * 590)  # 600 bytes, as in the design's own measurement
_WINDOWS = 20  # a round
_SERVED_LIMIT_S = 60.0


def windows(rounds: Rounds = 10, json: Json = False) -> None:
    """Transaction windows ÷ the raw two-lane loop, by size."""
    tune()
    with workspace() as folder, addresses(folder, LogName.KAFKA) as found:
        bootstrap = found[LogName.KAFKA]
        assert bootstrap is not None
        with _raw_loop(bootstrap) as raw, _window_thread(bootstrap, folder) as whole:
            lines = [line for size in SIZES for line in _compared(size, rounds, raw, *whole)]
    notes = (
        f"Windows of n events of {len(_VALUE)} bytes over {PARTITIONS} partitions, a customer each. The loop's records have one"
        " header; the ledger's have twenty, a number and a hash, and stand in the indexes with their timers before the answer.",
    )
    show(Result("windows", "Windows ÷ bare transactions in two lanes", lines, notes), json)


Commit = Callable[[int], None]


class Disturbed(LoadFailed):
    """A window failed: something else was at the broker."""


def _compared(size: int, rounds: int, raw: Commit, turn: Commit, transactions_ms: list[float]) -> Iterator[Line]:
    told(f"windows of {size}")
    took: dict[Commit, list[float]] = {raw: [], turn: []}
    transactions_ms.clear()
    for _ in range(rounds):
        for commit, times in took.items():
            for _ in range(_WINDOWS):
                begun = time.perf_counter()
                commit(size)
                times.append(1000 * (time.perf_counter() - begun))
    for name, of in (("p50", median), ("p95", _p95)):
        ceiling = of(took[raw])
        yield Line(f"{size:,} a window, transaction, {name}", of(transactions_ms), "ms", ceiling, Target("ratio", "<", RATIO))
        yield Line(f"{size:,} a window, whole turn, {name}", of(took[turn]), "ms", ceiling)


def _p95(times: Sequence[float]) -> float:
    return quantiles(times, n=20)[-1]


@contextmanager
def _raw_loop(bootstrap: str) -> Iterator[Commit]:
    """Two transactional producers in turn and a member of a group, and nothing else."""
    topic = f"raw-{uuid.uuid4().hex[:8]}"
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.create_topics([NewTopic(topic, PARTITIONS, 1)])[topic].result()
    consumer = Consumer({
        "bootstrap.servers": bootstrap, "group.id": topic, "group.protocol": "consumer", "enable.auto.commit": False,
    })  # fmt: skip
    consumer.subscribe([topic])
    while len(consumer.assignment()) < PARTITIONS:
        consumer.poll(0.1)
    consumer.pause(consumer.assignment())
    lanes = [
        Producer({
            "bootstrap.servers": bootstrap, "transactional.id": f"{topic}.{lane}", "linger.ms": 0, "compression.type": "lz4",
        })
        for lane in range(2)
    ]  # fmt: skip
    for lane in lanes:
        lane.init_transactions()

    def commit(size: int) -> None:
        lanes.append(lanes.pop(0))
        lane = lanes[0]
        lane.begin_transaction()
        for number in range(size):
            lane.produce(topic, _VALUE, b"acme/cus_1", number % PARTITIONS, headers=[("ce_type", b"subscription.started.v2")])
        positions = [TopicPartition(topic, number, 1) for number in range(min(size, PARTITIONS))]
        lane.send_offsets_to_transaction(positions, consumer.consumer_group_metadata())
        lane.commit_transaction()
        consumer.poll(0)

    try:
        yield commit
    finally:
        consumer.close()


class _Waiting:
    """A listener by which one thread waits for what it submitted; whatever else happens ends the measurement."""

    def __init__(self) -> None:
        self.reports: SimpleQueue[int | BaseException] = SimpleQueue()
        self.epochs: dict[str, int] = {}

    def await_report(self) -> int:
        """How many entries have settled; raises what stopped them."""
        report = self.reports.get(timeout=_SERVED_LIMIT_S)
        if isinstance(report, BaseException):
            raise report
        return report

    def assigned(self, partitions: frozenset[str]) -> None:
        """They are served soon."""

    def proved(self) -> None:
        """Nothing waited."""

    def serving(self, partition: str, queries: IndexQueries, _state: ReaderState, epoch: int) -> None:
        queries.close()
        self.epochs[partition] = epoch
        self.reports.put(0)

    def settled(self, results: Sequence[tuple[object, Committed]]) -> None:
        self.reports.put(len(results))

    def stopped(self, partitions: frozenset[str], reason: str) -> None:
        self.reports.put(Disturbed(f"{sorted(partitions)}: {reason}"))

    unknown = stopped

    def failed(self, epochs: Mapping[str, int], reason: str) -> None:
        self.stopped(frozenset(epochs), reason)

    def refused(self, token: object, reason: str) -> None:
        self.reports.put(Disturbed(f"{token}: {reason}"))

    def broken(self, _partition: str, error: Exception) -> None:
        self.reports.put(error)

    def died(self, error: BaseException) -> None:
        self.reports.put(error)


class _Timed(WindowCounts):
    """Counts that keep how long each transaction took, in ms."""

    def __init__(self) -> None:
        super().__init__()
        self.transactions_ms: list[float] = []

    def committed(self, commands: int, records: Sequence[Record], stage_s: float, commit_s: float, index_s: float) -> None:
        super().committed(commands, records, stage_s, commit_s, index_s)
        self.transactions_ms.append(1000 * commit_s)


@contextmanager
def _window_thread(bootstrap: str, folder: Path) -> Iterator[tuple[Commit, list[float]]]:
    """The ledger's own windows, on indexes in ``folder``, and what their transactions took."""
    environment = f"bench{uuid.uuid4().hex[:8]}"
    topics.create(bootstrap, environment, PARTITIONS, replication=1, min_insync=1)
    log, listener = KafkaLog(bootstrap, environment, "127.0.0.1:0"), _Waiting()
    thread = WindowThread(log, partial(open_index, log, folder), derive, listener, lambda: datetime.now(UTC))
    thread.counts = counts = _Timed()
    thread.start()
    while len(listener.epochs) < PARTITIONS + 1:
        listener.await_report()
    numbers = count()

    def commit(size: int) -> None:
        thread.submit([_entry(str(number % PARTITIONS), listener.epochs, next(numbers)) for number in range(size)])
        settled = 0
        while settled < size:
            settled += listener.await_report()

    try:
        yield commit, counts.transactions_ms
    finally:
        thread.close()
        log.close()


def _entry(partition: str, epochs: Mapping[str, int], number: int) -> Entry:
    """A new stream's first event, with a timer."""
    stream, key = f"sub_{number:024}", f"acme/cus_{number:024}"
    event = Event(stream, 1, "subscription.started.v2", _VALUE)
    append = Append(partition, key, "acme", f"client:{number:064}", (event,), f"{number:064}", "web", "api_key:bench", "", 1)
    derived = Derived((("renewal", datetime.now(UTC) + timedelta(days=30)),), None, key, open=True)
    return Entry(partition, epochs[partition], number, append, {stream: derived})


if __name__ == "__main__":
    main(windows)
