"""What can be asked of a partition's index. Every answer is of one moment; an object belongs to one thread at a time."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from infra.eventlog.derived import StoredRow
from infra.eventlog.reader import ReaderState

BUSY_TIMEOUT_S = 10
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EVENT_COLUMNS = "stream, version, sequence, type, value, time, key"
TIMER_COLUMNS = "stream, kind, due_us, key, clock"


@dataclass(frozen=True, slots=True)
class StoredCommand:
    """A command that appended. ``stream`` is its first event's, ``version`` that stream's after the command; ``sequence`` and
    ``hash`` are its last event's.
    """

    fingerprint: str
    stream: str
    version: int
    sequence: int
    hash: str


@dataclass(frozen=True, slots=True)
class Timer:
    """A pending timer of a stream; ``clock`` is its customer's test clock, or empty."""

    stream: str
    kind: str
    due: datetime
    key: str
    clock: str


@dataclass(frozen=True, slots=True)
class StreamRow:
    """A stream with what was derived from it; ``effect`` names an open effect, or is None; ``ordinal`` is
    an invoice's.
    """

    stream: str
    key: str
    parent: str
    open: bool
    effect: str | None
    ordinal: int


@dataclass(frozen=True, slots=True)
class QuarantinedRow:
    """A record that did not count."""

    offset: int
    id: str
    kind: str
    reason: str


def microseconds(instant: datetime) -> int:
    """Since 1970, exact."""
    return (instant - EPOCH) // timedelta(microseconds=1)


def connect(path: Path) -> sqlite3.Connection:
    """A connection in autocommit mode, to be used by one thread at a time. A crash may lose the newest commits: it is a cache."""
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute("PRAGMA cache_size = -16000")
    connection.execute("PRAGMA wal_autocheckpoint = 20000")  # 80 MB: where nobody else does it (infra.eventlog.checkpoints)
    return connection


class IndexQueries:
    """Reads one partition's index, on a connection of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection = connect(path)

    def close(self) -> None:
        self._connection.close()

    def state(self) -> ReaderState:
        row = self._connection.execute("SELECT value FROM meta WHERE name = 'state'").fetchone()
        return ReaderState.from_json(row[0])

    def stream_events(
        self, stream: str, *, gt: int | None = None, lte: int | None = None, desc: bool = False, limit: int | None = None
    ) -> list[StoredRow]:
        """Events of a stream with ``gt`` < version <= ``lte``, by version."""
        conditions = {"stream = ?": stream, "version > ?": gt, "version <= ?": lte}
        return self._events(conditions, (), f"version{' DESC' if desc else ''}", limit)

    def notifications(
        self,
        start: int | None = None,
        limit: int | None = None,
        stop: int | None = None,
        types: Sequence[str] = (),
        *,
        inclusive: bool = True,
    ) -> list[StoredRow]:
        """Events by sequence, from ``start`` (itself too if ``inclusive``) to ``stop``, of ``types`` if any are given."""
        conditions = {f"sequence {'>=' if inclusive else '>'} ?": start, "sequence <= ?": stop}
        return self._events(conditions, types, "sequence", limit)

    def _events(
        self, conditions: Mapping[str, str | int | None], types: Sequence[str], order: str, limit: int | None
    ) -> list[StoredRow]:
        """Events under the conditions whose value is not None."""
        given = {condition: value for condition, value in conditions.items() if value is not None}
        where = [*given]
        if types:
            where.append(f"type IN ({', '.join('?' * len(types))})")
        clause = f"WHERE {' AND '.join(where)}" if where else ""
        statement = f"SELECT {EVENT_COLUMNS} FROM events {clause} ORDER BY {order} LIMIT ?"
        rows = self._connection.execute(statement, (*given.values(), *types, -1 if limit is None else limit))
        return [StoredRow._make(row) for row in rows]

    def last_version(self, stream: str) -> int | None:
        row = self._connection.execute("SELECT max(version) FROM events WHERE stream = ?", (stream,)).fetchone()
        return None if row[0] is None else int(row[0])

    def command(self, scope: str, command_id: str) -> StoredCommand | None:
        row = self._connection.execute(
            "SELECT fingerprint, stream, version, sequence, hash FROM commands WHERE scope = ? AND id = ?",
            (scope, command_id),
        ).fetchone()
        if row is None:
            return None
        fingerprint, stream, version, sequence, hash_ = row
        return StoredCommand(fingerprint, stream, version, sequence, hash_)

    def command_ids(self, scope: str) -> list[str]:
        """The ids of all commands of a scope."""
        return [id for (id,) in self._connection.execute("SELECT id FROM commands WHERE scope = ?", (scope,))]

    def due_timers(self, clock: str, before: datetime, *, inclusive: bool, limit: int) -> list[Timer]:
        """Timers on test clock ``clock`` (empty: on none) due before ``before``, or at it if ``inclusive``; earliest first."""
        comparison = "<=" if inclusive else "<"
        statement = (
            f"SELECT {TIMER_COLUMNS} FROM timers WHERE clock = ? AND due_us {comparison} ? ORDER BY due_us, stream, kind LIMIT ?"
        )
        return self._timers(statement, clock, microseconds(before), limit)

    def timers_of(self, key: str) -> list[Timer]:
        """All pending timers of a customer; earliest first."""
        return self._timers(f"SELECT {TIMER_COLUMNS} FROM timers WHERE key = ? ORDER BY due_us, stream, kind", key)

    def _timers(self, statement: str, *params: str | int) -> list[Timer]:
        rows = self._connection.execute(statement, params)
        return [Timer(stream, kind, EPOCH + timedelta(microseconds=due), key, clock) for stream, kind, due, key, clock in rows]

    def open_effects(self) -> list[StreamRow]:
        """Streams with an open effect."""
        return self._streams("effect IS NOT NULL")

    def streams_of(self, key: str) -> list[StreamRow]:
        """All streams of a customer."""
        return self._streams("key = ?", key)

    def _streams(self, condition: str, *params: str) -> list[StreamRow]:
        statement = f"SELECT stream, key, parent, open, effect, ordinal FROM streams WHERE {condition} ORDER BY stream"
        rows = self._connection.execute(statement, params)
        return [StreamRow(stream, key, parent, bool(open_), *rest) for stream, key, parent, open_, *rest in rows]

    def quarantined(self) -> list[QuarantinedRow]:
        """Every record that was read and did not count, by offset."""
        rows = self._connection.execute("SELECT offset, id, kind, reason FROM quarantine ORDER BY offset")
        return [QuarantinedRow(*row) for row in rows]
