"""Given: a log with a window thread, and a listener that remembers what it was told."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from threading import Condition

import orjson

from infra.eventlog.derived import Derived, StoredRow
from infra.eventlog.index import Index
from infra.eventlog.index_queries import IndexQueries
from infra.eventlog.index_snapshots import IndexSnapshots
from infra.eventlog.listener import Committed, Entry
from infra.eventlog.log import Log
from infra.eventlog.reader import ReaderState
from infra.eventlog.record import Append, Record
from infra.eventlog.snapshot_keeper import SnapshotKeeper
from infra.eventlog.window import WindowThread

PATIENCE_S = 20.0
TABLES = ("events", "commands", "streams", "timers", "customers", "quarantine", "underived", "types")


def derive(rows: Sequence[StoredRow]) -> Derived:
    """A row that depends on the whole stream: what is open is what has an odd number of events."""
    return Derived(open=len(rows) % 2 == 1, parent=rows[0].key)


def plant(path: Path, record: Record) -> None:
    """Write ``record`` into the log at ``path`` as one does who never heard of owners: past the lock and the unique sequence."""
    text = orjson.dumps(record.attributes).decode()
    row = (record.partition, record.offset, None, record.key, text, record.value, record.previous_hash, record.hash)
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
    connection.close()


def rows(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """All that the index at ``path`` holds, by table."""
    connection = sqlite3.connect(path)
    found = {table: sorted(connection.execute(f"SELECT * FROM {table}"), key=repr) for table in TABLES}
    connection.close()
    return found


class Told:
    """A listener. ``calls`` holds what happened, in order, by the callback's name."""

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []
        self.queries: dict[str, IndexQueries] = {}
        self.epochs: dict[str, int] = {}
        self.committed: dict[object, Committed] = {}
        self.refusals: dict[object, str] = {}
        self.error: BaseException | None = None
        self._changed = Condition()

    def wait(self, until: Callable[[], object]) -> None:
        with self._changed:
            assert self._changed.wait_for(until, PATIENCE_S), f"it did not happen; what did: {self.calls}"

    def count(self, name: str) -> int:
        return sum(call[0] == name for call in self.calls)

    def _told(self, *call: object) -> None:
        self.calls.append(call)
        self._changed.notify_all()

    def assigned(self, partitions: frozenset[str]) -> None:
        """What is served is told besides."""

    def serving(self, partition: str, queries: IndexQueries, state: ReaderState, epoch: int) -> None:
        with self._changed:
            self.queries[partition], self.epochs[partition] = queries, epoch
            self._told("serving", partition, state.term)

    def stopped(self, partitions: frozenset[str], reason: str) -> None:
        with self._changed:
            self._forget(partitions)
            self._told("stopped", partitions, reason)

    def unknown(self, partitions: frozenset[str], reason: str) -> None:
        with self._changed:
            self._forget(partitions)
            self._told("unknown", partitions, reason)

    def settled(self, results: Sequence[tuple[object, Committed]]) -> None:
        with self._changed:
            self.committed.update(results)
            self._told("settled", [token for token, _ in results])

    def proved(self) -> None:
        """Comes as often as it likes: no test counts on it."""

    def failed(self, epochs: Mapping[str, int], reason: str) -> None:
        with self._changed:
            self.epochs.update(epochs)
            self._told("failed", frozenset(epochs), reason)

    def refused(self, token: object, reason: str) -> None:
        with self._changed:
            self.refusals[token] = reason
            self._told("refused", token)

    def broken(self, partition: str, error: Exception) -> None:
        with self._changed:
            self._told("broken", partition, str(error))

    def died(self, error: BaseException) -> None:
        with self._changed:
            self.error = error
            self._told("died", str(error))

    def _forget(self, partitions: frozenset[str]) -> None:
        for partition in partitions:
            if queries := self.queries.pop(partition, None):
                queries.close()


class Ledger:
    """A window thread on ``event_log`` with its indexes in ``folder``, and their ``snapshots`` if it is to keep some."""

    def __init__(
        self,
        event_log: Log,
        folder: Path,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        snapshots: IndexSnapshots | None = None,
    ) -> None:
        self.log = event_log
        self.folder = folder
        self.told = Told()
        keeper = SnapshotKeeper(event_log, snapshots, self.index_path) if snapshots is not None else None
        self.window = WindowThread(event_log, self.open_index, derive, self.told, clock, keeper)

    def open_index(self, partition: str) -> Index:
        return Index(self.index_path(partition), self.log.identity(partition))

    def index_path(self, partition: str) -> Path:
        return self.folder / f"index-{partition}.db"

    def __enter__(self) -> Ledger:
        self.window.start()
        self.serve(*self.log.partitions)
        return self

    def __exit__(self, *_: object) -> None:
        self.window.close()

    def serve(self, *partitions: str) -> None:
        self.told.wait(lambda: self.told.error is not None or self.told.queries.keys() >= set(partitions))
        assert self.told.error is None, self.told.error

    def entry(self, token: object, append: Append) -> Entry:
        """An entry with the rows that the index would derive itself."""
        queries = self.told.queries[append.partition]
        derived = {}
        for stream in {event.stream for event in append.events}:
            count = len(queries.stream_events(stream)) + sum(event.stream == stream for event in append.events)
            derived[stream] = Derived(open=count % 2 == 1, parent=append.key)
        return Entry(append.partition, self.told.epochs[append.partition], token, append, derived)

    def submit(self, *entries: Entry) -> None:
        self.window.submit(entries)

    def commit(self, append: Append) -> Committed:
        """Submit one append and wait until it has committed."""
        token = object()
        self.submit(self.entry(token, append))
        self.told.wait(lambda: token in self.told.committed)
        return self.told.committed[token]
