"""Appends from any thread, each call waiting until its window has committed: the simplest listener of a window thread."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Condition, Event
from typing import TypeVar

from eventsourcing.persistence import IntegrityError, OperationalError

from infra.eventlog.derived import Derived, StoredRow
from infra.eventlog.index import Index
from infra.eventlog.index_queries import IndexQueries
from infra.eventlog.listener import Committed, Entry
from infra.eventlog.log import Log
from infra.eventlog.reader import ReaderState
from infra.eventlog.record import Append
from infra.eventlog.window import WindowThread

T = TypeVar("T")

SERVING_LIMIT_S = 60.0


@dataclass(slots=True)
class _Served:
    """A partition that can be written now. ``versions`` are those of streams whose newest events have not committed yet."""

    queries: IndexQueries
    epoch: int
    versions: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class _Waiting:
    """An append under way: a token."""

    append: Append
    committed: Future[Committed] = field(default_factory=Future)


class BlockingWriter:
    """Owns what the log lets it own. Indexes are files in ``indexes``; no rows are derived."""

    def __init__(self, event_log: Log, indexes: Path) -> None:
        self._log = event_log
        self._indexes = indexes
        self._changed = Condition()
        self._served: dict[str, _Served] = {}
        self._under_way: set[_Waiting] = set()
        self._ended: BaseException | None = None
        self._broken: dict[str, Exception] = {}
        self._listeners: set[Event] = set()
        self._window = WindowThread(event_log, self._open_index, _nothing, self, lambda: datetime.now(UTC))
        self._window.start()

    def index_path(self, partition: str) -> Path:
        return self._indexes / f"{partition}.db"

    def append(self, append: Append) -> Committed:
        """Commit ``append``. Each stream's versions must follow on; a first one is 0 or 1.

        Raises IntegrityError where they do not, OperationalError where nothing was written for another reason.
        """
        with self._changed:
            served = self._wait_served(append.partition)
            versions = _next_versions(append, served)
            served.versions |= versions
            waiting = _Waiting(append)
            self._under_way.add(waiting)
            self._window.submit([Entry(append.partition, served.epoch, waiting, append)])
        return waiting.committed.result()

    def query(self, partition: str, ask: Callable[[IndexQueries], T]) -> T:
        """Ask the index of ``partition``, once it is served. Raises OperationalError."""
        with self._changed:
            return ask(self._wait_served(partition).queries)

    def listen(self, event: Event) -> None:
        """Set ``event`` whenever something has committed."""
        with self._changed:
            self._listeners.add(event)

    def unlisten(self, event: Event) -> None:
        with self._changed:
            self._listeners.discard(event)

    def close(self) -> None:
        self._window.close()
        with self._changed:
            for served in self._served.values():
                served.queries.close()
            self._served.clear()

    def _open_index(self, partition: str) -> Index:
        return Index(self.index_path(partition), self._log.identity(partition))

    def _wait_served(self, partition: str) -> _Served:
        def settled() -> bool:
            return self._ended is not None or partition in self._served or partition in self._broken

        if not self._changed.wait_for(settled, SERVING_LIMIT_S):
            raise OperationalError(f"partition {partition} is not served by this process")
        if self._ended is not None:
            raise OperationalError(f"the window thread has ended: {self._ended}") from self._ended
        if partition in self._broken:
            raise OperationalError(f"partition {partition} cannot be served") from self._broken[partition]
        return self._served[partition]

    # Listener: called on the window thread

    def assigned(self, partitions: frozenset[str]) -> None:
        """What is not served yet is waited for anyhow."""

    def serving(self, partition: str, queries: IndexQueries, _state: ReaderState, epoch: int) -> None:
        with self._changed:
            self._served[partition] = _Served(queries, epoch)
            for waiting in self._of({partition}):  # its outcome was unknown until now
                found = queries.command(waiting.append.key, waiting.append.command_id)
                if found:
                    self._done(waiting).set_result(Committed(partition, found.sequence, found.hash))
                else:
                    self._done(waiting).set_exception(OperationalError("not written"))
            self._changed.notify_all()

    def stopped(self, partitions: frozenset[str], reason: str) -> None:
        with self._changed:
            self._forget(partitions)
            self._reject(partitions, reason)

    def unknown(self, partitions: frozenset[str], _reason: str) -> None:
        with self._changed:
            self._forget(partitions)

    def settled(self, results: Sequence[tuple[object, Committed]]) -> None:
        with self._changed:
            for token, committed in results:
                assert isinstance(token, _Waiting)
                self._done(token).set_result(committed)
                if served := self._served.get(committed.partition):
                    _committed_versions(token.append, served)
            for event in self._listeners:
                event.set()

    def proved(self) -> None:
        """Nobody waits for it."""

    def failed(self, epochs: Mapping[str, int], reason: str) -> None:
        with self._changed:
            for partition, epoch in epochs.items():
                self._served[partition].epoch = epoch
                self._served[partition].versions.clear()
            self._reject(epochs.keys(), reason)

    def refused(self, token: object, reason: str) -> None:
        assert isinstance(token, _Waiting)
        with self._changed:
            self._done(token).set_exception(OperationalError(reason))

    def broken(self, partition: str, error: Exception) -> None:
        with self._changed:
            self._broken[partition] = error
            self._reject({partition}, str(error))
            self._changed.notify_all()

    def died(self, error: BaseException) -> None:
        with self._changed:
            self._ended = error
            self._reject({waiting.append.partition for waiting in self._under_way}, f"the window thread has ended: {error}")
            self._changed.notify_all()

    def _of(self, partitions: Collection[str]) -> list[_Waiting]:
        return [waiting for waiting in self._under_way if waiting.append.partition in partitions]

    def _done(self, waiting: _Waiting) -> Future[Committed]:
        self._under_way.discard(waiting)
        return waiting.committed

    def _reject(self, partitions: Collection[str], reason: str) -> None:
        for waiting in self._of(partitions):
            self._done(waiting).set_exception(OperationalError(reason))

    def _forget(self, partitions: Collection[str]) -> None:
        for partition in partitions:
            if served := self._served.pop(partition, None):
                served.queries.close()


def _nothing(_rows: Sequence[StoredRow]) -> Derived:
    return Derived()


def _next_versions(append: Append, served: _Served) -> dict[str, int]:
    """The streams' versions after ``append``. Raises IntegrityError where its events do not follow on."""
    versions: dict[str, int] = {}
    for event in append.events:
        last = versions.get(event.stream, served.versions.get(event.stream))
        if last is None:
            last = served.queries.last_version(event.stream)
        expected = (0, 1) if last is None else (last + 1,)
        if event.version not in expected:
            raise IntegrityError(f"version {event.version} of {event.stream} does not follow {last}")
        versions[event.stream] = event.version
    return versions


def _committed_versions(append: Append, served: _Served) -> None:
    """Forget versions that the index knows now."""
    for event in append.events:
        if served.versions.get(event.stream) == event.version:
            del served.versions[event.stream]
