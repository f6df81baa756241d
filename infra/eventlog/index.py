"""A partition's index: a disposable cache of its log in one SQLite file.

The window thread writes (``stage``, ``commit``, ``absorb``, ``settle``) on one connection, which it closes; the loop thread reads
through ``queries`` on another, which it closes itself. Behind its log an index is caught up, of another log it is refused,
deleted it is rebuilt.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from itertools import groupby
from operator import attrgetter
from pathlib import Path

from infra.eventlog.derived import Derive, Derived, StoredRow
from infra.eventlog.index_queries import EVENT_COLUMNS, IndexQueries, connect, microseconds
from infra.eventlog.reader import Command, Quarantine, ReaderState

SCHEMA_VERSION = 5
SCHEMA = f"""
BEGIN IMMEDIATE;
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE events (
    sequence INTEGER PRIMARY KEY,
    stream TEXT NOT NULL,
    version INTEGER NOT NULL,
    type TEXT NOT NULL,
    value BLOB NOT NULL,
    time TEXT NOT NULL,
    key TEXT NOT NULL
);
CREATE UNIQUE INDEX events_by_stream ON events (stream, version);
CREATE TABLE types (name TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE commands (
    scope TEXT NOT NULL, id TEXT NOT NULL,
    fingerprint TEXT NOT NULL, stream TEXT NOT NULL, version INTEGER NOT NULL,
    sequence INTEGER NOT NULL, hash TEXT NOT NULL,
    PRIMARY KEY (scope, id)
) WITHOUT ROWID;
CREATE TABLE streams (
    key TEXT NOT NULL, stream TEXT NOT NULL, parent TEXT NOT NULL, open INTEGER NOT NULL, effect TEXT,
    ordinal INTEGER NOT NULL,
    PRIMARY KEY (key, stream)
) WITHOUT ROWID;
CREATE INDEX streams_by_effect ON streams (stream) WHERE effect IS NOT NULL;
CREATE TABLE customers (key TEXT PRIMARY KEY, clock TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE timers (
    key TEXT NOT NULL, stream TEXT NOT NULL, kind TEXT NOT NULL, due_us INTEGER NOT NULL, clock TEXT NOT NULL,
    PRIMARY KEY (key, stream, kind, due_us)
) WITHOUT ROWID;
CREATE INDEX timers_by_due ON timers (clock, due_us);
CREATE TABLE quarantine (offset INTEGER PRIMARY KEY, id TEXT NOT NULL, kind TEXT NOT NULL, reason TEXT NOT NULL);
CREATE TABLE underived (stream TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE snapshots (
    stream TEXT NOT NULL, version INTEGER NOT NULL, topic TEXT NOT NULL, state BLOB NOT NULL, PRIMARY KEY (stream, version)
);
PRAGMA user_version = {SCHEMA_VERSION};
COMMIT;
"""


# One statement for many streams: asked one by one they take a quarter of a rebuild.
_UNDERIVED = f"""
SELECT {EVENT_COLUMNS} FROM events WHERE stream IN (SELECT stream FROM underived LIMIT ?) ORDER BY stream, version
"""


class IndexUnusable(Exception):
    """The index does not belong to this log, is ahead of it, or is no index: look at it, or delete it to have it rebuilt."""


class IndexConflict(Exception):
    """Nothing was staged: a stream's version or a command's id is there already."""


class Index:
    """The index of the partition that ``identity`` names. Raises IndexUnusable, and OperationalError where it may work later."""

    def __init__(self, path: Path, identity: str) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._open(path)
            self.state = self._adopt(identity)
        except sqlite3.OperationalError:
            raise  # a full disk, a lock: nothing that is wrong with the file
        except sqlite3.DatabaseError as error:
            raise IndexUnusable(f"{path} cannot be opened as an index ({error}); delete it to have it rebuilt") from error

    def _open(self, path: Path) -> None:
        self._writing = connect(path)
        (version,) = self._writing.execute("PRAGMA user_version").fetchone()
        if version not in (0, SCHEMA_VERSION):  # made by another release: a cache is made anew, not migrated
            self._writing.close()
            delete(path)
            self._writing, version = connect(path), 0
        if version == 0:
            self._writing.executescript(SCHEMA)
        self.queries = IndexQueries(path)

    def _adopt(self, identity: str) -> ReaderState:
        """Check whose index this is (a new one: ours) and give its state."""
        row = self._writing.execute("SELECT value FROM meta WHERE name = 'identity'").fetchone()
        if row is None:
            fresh = [("identity", identity), ("state", ReaderState().to_json())]
            self._writing.execute("BEGIN IMMEDIATE")
            self._writing.executemany("INSERT INTO meta VALUES (?, ?)", fresh)
            self._writing.execute("COMMIT")
        elif row[0] != identity:
            self.queries.close()
            self.close()
            raise IndexUnusable(f"{self.path} is an index of {row[0]}, not of {identity}; delete it to have it rebuilt")
        else:  # a full disk shows here, before anything is claimed with it
            self._writing.execute("UPDATE meta SET value = value WHERE name = 'state'")
        return self.queries.state()

    def stage(self, commands: Sequence[Command], derived: Mapping[str, Derived]) -> None:
        """Write commands and derived rows (by stream), not yet for good: ``commit`` or ``rollback`` follows.

        Staged before the log's commit, so that a version or command id that is there already stops it. Raises IndexConflict.
        """
        self._writing.execute("BEGIN IMMEDIATE")
        try:
            self._insert(commands)
        except sqlite3.IntegrityError as error:
            self.rollback()
            raise IndexConflict(str(error)) from error
        keys = {event.attributes["subject"]: event.key for command in commands for event in command.records}
        self._derive([(stream, keys[stream], row) for stream, row in derived.items()])

    def commit(self, state: ReaderState) -> None:
        """Make what was staged durable, as of ``state``."""
        self._writing.execute("UPDATE meta SET value = ? WHERE name = 'state'", (state.to_json(),))
        self._writing.execute("COMMIT")
        self.state = state

    def rollback(self) -> None:
        if self._writing.in_transaction:
            self._writing.execute("ROLLBACK")

    def absorb(self, commands: Sequence[Command], quarantined: Iterable[Quarantine], state: ReaderState) -> None:
        """Write what was read from the log; its streams are noted as not derived yet. Raises IndexConflict."""
        self.stage(commands, {})
        streams = {event.attributes["subject"] for command in commands for event in command.records}
        self._writing.executemany("INSERT OR IGNORE INTO underived VALUES (?)", [(stream,) for stream in streams])
        self._writing.executemany(
            "INSERT OR REPLACE INTO quarantine VALUES (?, ?, ?, ?)",
            [(q.record.offset, q.record.attributes.get("id", ""), q.kind, q.reason) for q in quarantined],
        )
        self.commit(state)

    def settle(self, derive: Derive, limit: int) -> int:
        """Derive the rows of up to ``limit`` streams that ``absorb`` noted; gives how many it did (0: none are left)."""
        found = []
        for stream, rows in groupby(map(StoredRow._make, self._writing.execute(_UNDERIVED, (limit,))), attrgetter("stream")):
            events = list(rows)
            found.append((stream, events[0].key, derive(events)))
        self._writing.execute("BEGIN IMMEDIATE")
        self._derive(found)
        self._writing.executemany("DELETE FROM underived WHERE stream = ?", [(stream,) for stream, _, _ in found])
        self._writing.execute("COMMIT")
        return len(found)

    def types(self) -> list[str]:
        """The names of all kinds of events in it."""
        return [name for (name,) in self._writing.execute("SELECT name FROM types")]

    def close(self) -> None:
        """Close the writing side; ``queries`` are closed by the thread that uses them."""
        self._writing.close()

    def _insert(self, commands: Sequence[Command]) -> None:
        events, ids = [], []
        for command in commands:
            for event in command.records:
                a = event.attributes
                stream, version = a["subject"], int(a["streamversion"])
                events.append((int(a["sequence"]), stream, version, a["type"], event.value, a["time"], event.key))
            ids.append(_command_row(command))
        self._writing.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)", events)
        self._writing.executemany("INSERT INTO commands VALUES (?, ?, ?, ?, ?, ?, ?)", ids)
        self._writing.executemany("INSERT OR IGNORE INTO types VALUES (?)", [(name,) for name in {event[3] for event in events}])

    def _derive(self, rows: Sequence[tuple[str, str, Derived]]) -> None:
        """Replace the derived rows of streams, given as (stream, key, row)."""
        streams = [(key, stream, row.parent, row.open, row.effect, row.ordinal) for stream, key, row in rows]
        clocks = [(row.clock, key) for _, key, row in rows if row.clock]
        timers = [
            (key, stream, kind, microseconds(due), key) for stream, key, row in rows for kind, due in dict.fromkeys(row.timers)
        ]
        write = self._writing.executemany
        write("INSERT OR REPLACE INTO streams VALUES (?, ?, ?, ?, ?, ?)", streams)
        if clocks:
            write("INSERT OR REPLACE INTO customers (clock, key) VALUES (?, ?)", clocks)
            write("UPDATE timers SET clock = ?1 WHERE key = ?2 AND clock <> ?1", clocks)
        write("DELETE FROM timers WHERE key = ? AND stream = ?", [(key, stream) for stream, key, _ in rows])
        write("INSERT INTO timers VALUES (?, ?, ?, ?, COALESCE((SELECT clock FROM customers WHERE key = ?), ''))", timers)


def opened(path: Path) -> sqlite3.Connection:
    """A connection to an index that is there, beside those who use it."""
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None)


def peek(path: Path) -> tuple[str, ReaderState] | None:
    """Whose index there is, and how far it has read; None where there is none, or none that this release can use."""
    try:
        with closing(opened(path)) as connection:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            meta = dict(connection.execute("SELECT name, value FROM meta")) if version == SCHEMA_VERSION else {}
    except sqlite3.Error:
        return None
    return (meta["identity"], ReaderState.from_json(meta["state"])) if meta else None


def delete(path: Path) -> None:
    """Delete an index with its side files; nothing may have it open."""
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _command_row(command: Command) -> tuple[str | int, ...]:
    first, last = command.records[0], command.records[-1]
    stream = first.attributes["subject"]
    version = max(int(event.attributes["streamversion"]) for event in command.records if event.attributes["subject"] == stream)
    attributes = first.attributes
    fingerprint = attributes.get("fingerprint", "")
    return (first.key, attributes["commandid"], fingerprint, stream, version, int(last.attributes["sequence"]), last.hash)
