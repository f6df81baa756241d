"""The log as a persistence module of the ``eventsourcing`` library: one Application's sequence is one partition."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from threading import Event as Notified
from threading import Lock
from typing import Any
from uuid import UUID, uuid4

from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    IntegrityError,
    ListenNotifySubscription,
    Notification,
    ProgrammingError,
    StoredEvent,
)

from infra.eventlog.blocking import BlockingWriter
from infra.eventlog.derived import StoredRow
from infra.eventlog.index_queries import connect
from infra.eventlog.record import Append, Event


class Originators:
    """Aggregate ids to stream names and back. ``text``: ids are text, else UUIDs, named by their hex."""

    def __init__(self, *, text: bool) -> None:
        self._text = text

    def stream(self, originator_id: UUID | str) -> str:
        return originator_id.hex if isinstance(originator_id, UUID) else originator_id

    def id(self, stream: str) -> UUID | str:
        return stream if self._text else UUID(stream)


class LogRecorder(ApplicationRecorder):
    """Events of one partition. A stream's versions are contiguous; a notification's id is its event's sequence."""

    def __init__(self, writer: BlockingWriter, partition: str, originators: Originators) -> None:
        self._writer = writer
        self._partition = partition
        self._originators = originators

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int]:
        if asked := [name for name, value in kwargs.items() if value is not None]:
            raise ProgrammingError(f"nothing can be recorded together with events here: {asked}")
        if not stored_events:
            return []
        events = tuple(
            Event(self._originators.stream(each.originator_id), each.originator_version, each.topic, each.state)
            for each in stored_events
        )
        append = Append(self._partition, events[0].stream, "", f"insert:{uuid4().hex}", events)
        last = self._writer.append(append).sequence
        return list(range(last - len(events) + 1, last + 1))

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        stream = self._originators.stream(originator_id)
        rows = self._writer.query(
            self._partition, lambda index: index.stream_events(stream, gt=gt, lte=lte, desc=desc, limit=limit)
        )
        return [StoredEvent(self._originators.id(row.stream), row.version, row.type, row.value) for row in rows]

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        rows = self._writer.query(
            self._partition, lambda index: index.notifications(start, limit, stop, topics, inclusive=inclusive_of_start)
        )
        return [self._notification(row) for row in rows]

    def _notification(self, row: StoredRow) -> Notification:
        return Notification(self._originators.id(row.stream), row.version, row.type, row.value, id=row.sequence)

    def max_notification_id(self) -> int | None:
        return self._writer.query(self._partition, lambda index: index.state()).sequence or None

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> LogSubscription:
        return LogSubscription(self, gt, topics)

    def listen(self, notified: Notified) -> None:
        self._writer.listen(notified)

    def unlisten(self, notified: Notified) -> None:
        self._writer.unlisten(notified)


class LogSubscription(ListenNotifySubscription[LogRecorder]):
    """Follows a partition's events from ``gt`` (exclusive) on."""

    def __init__(self, recorder: LogRecorder, gt: int | None, topics: Sequence[str]) -> None:
        super().__init__(recorder, gt, topics)
        recorder.listen(self._has_been_notified)
        self._has_been_notified.set()  # for what has committed since the base class began to read

    def stop(self) -> None:
        super().stop()
        self._recorder.unlisten(self._has_been_notified)


class SnapshotRecorder(AggregateRecorder):
    """Snapshots, in the file of a partition's index: as disposable as that."""

    def __init__(self, index: Path, originators: Originators) -> None:
        self._connection = connect(index)
        self._lock = Lock()
        self._originators = originators

    def insert_events(self, stored_events: Sequence[StoredEvent], **_: Any) -> None:
        rows = [(self._originators.stream(e.originator_id), e.originator_version, e.topic, e.state) for e in stored_events]
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                self._connection.executemany("INSERT INTO snapshots VALUES (?, ?, ?, ?)", rows)
                self._connection.execute("COMMIT")
            except sqlite3.Error as error:
                self._connection.execute("ROLLBACK")
                if isinstance(error, sqlite3.IntegrityError):
                    raise IntegrityError(str(error)) from error
                raise

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        statement = (
            "SELECT stream, version, topic, state FROM snapshots"
            " WHERE stream = ?1 AND (?2 IS NULL OR version > ?2) AND (?3 IS NULL OR version <= ?3)"
            f" ORDER BY version {'DESC' if desc else 'ASC'} LIMIT ?4"
        )
        params = (self._originators.stream(originator_id), gt, lte, -1 if limit is None else limit)
        with self._lock:
            rows = self._connection.execute(statement, params).fetchall()
        return [StoredEvent(self._originators.id(stream), version, topic, state) for stream, version, topic, state in rows]

    def close(self) -> None:
        self._connection.close()
