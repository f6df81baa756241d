"""The embedded log: all partitions in one SQLite file (WAL, synchronous=FULL), one owner at a time by a file lock.

Any process may read the file while its owner writes. A commit is durable when it returns.
"""

from __future__ import annotations

import os
import socket
import sqlite3
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from threading import Lock

import orjson

from infra.eventlog.log import LogUnusable
from infra.eventlog.record import CATALOG, Record
from infra.eventlog.sharing import Whole
from infra.eventlog.sqlite_owner import SqliteOwner, next_offset

DEFAULT_PARTITIONS = 12
BUSY_TIMEOUT_S = 5
POLL_LIMIT = 1000
POLL_PAUSE_S = 0.005
MAX_ROW_BYTES = 1_048_588  # Kafka's own default, so that what fits here fits there

SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS records (
    partition TEXT NOT NULL,
    offset INTEGER NOT NULL,
    sequence INTEGER,  -- null for a claim
    key TEXT NOT NULL,
    attributes TEXT NOT NULL,
    value BLOB NOT NULL,
    previous_hash TEXT NOT NULL,
    hash TEXT NOT NULL,
    UNIQUE (partition, offset)
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS records_by_sequence ON records (partition, sequence) WHERE sequence IS NOT NULL;
CREATE TABLE IF NOT EXISTS keys (name TEXT PRIMARY KEY, wrapped BLOB NOT NULL) STRICT, WITHOUT ROWID;
"""


class SqliteLog:
    """A log in the file ``path``. A new file gets ``environment`` and N = ``partitions`` for life; an old one refuses others.

    None takes what the file says (a new file: sandbox, 12). ``address`` names this node in its claims. Raises LogUnusable.
    """

    def __init__(
        self,
        path: Path,
        environment: str | None = None,
        partitions: int | None = None,
        address: str = "",
        *,
        must_exist: bool = False,
    ) -> None:
        if must_exist and not path.is_file():
            raise LogUnusable(f"there is no log at {path}")
        self.path = path
        self.address = address or f"{socket.gethostname()}:{os.getpid()}"
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._connection = connect(path)
            meta = _meta(self._connection, environment or "sandbox", partitions or DEFAULT_PARTITIONS)
        except sqlite3.DatabaseError as error:
            raise LogUnusable(f"{path} cannot be opened as a log: {error}") from error
        self._lock = Lock()
        self._file_id = meta["file_id"]
        self._environment = meta["environment"]
        self._count = int(meta["partitions"])
        for asked, found, what in ((environment, self._environment, "environment"), (partitions, self._count, "partitions")):
            if asked is not None and asked != found:
                self.close()
                raise LogUnusable(f"{path} was made with {what} {found}, not {asked}; neither can be changed")

    @property
    def environment(self) -> str:
        return self._environment

    @property
    def partitions(self) -> tuple[str, ...]:
        return (CATALOG, *(str(number) for number in range(self._count)))

    def identity(self, partition: str) -> str:
        return f"sqlite/{self._file_id}/{self._count}/{partition}"

    def reader(self, start: Mapping[str, int]) -> SqliteReader:
        return SqliteReader(connect(self.path), start)

    def end(self, partition: str) -> int:
        with self._lock:
            return next_offset(self._connection, partition)

    def ends(self, partitions: Iterable[str]) -> dict[str, int]:
        return {partition: self.end(partition) for partition in partitions}

    def high_ends(self, partitions: Iterable[str]) -> dict[str, int]:
        return self.ends(partitions)

    def owner(self) -> SqliteOwner:
        return SqliteOwner(self.path, lambda: connect(self.path), self._environment, self.partitions, self.address)

    def owners(self) -> dict[str, frozenset[str]]:
        """One process owns all of them."""
        return {self.address: frozenset(self.partitions)}

    def projectors_share(self) -> Whole:
        return Whole(frozenset(self.partitions))

    def keys(self) -> SqliteKeys:
        return SqliteKeys(connect(self.path))

    def close(self) -> None:
        self._connection.close()


class SqliteReader:
    """Follows partitions from given offsets. One thread at a time."""

    def __init__(self, connection: sqlite3.Connection, start: Mapping[str, int]) -> None:
        self._connection = connection
        self._next = dict(start)
        self._seen_version = -1

    def poll(self, timeout_s: float) -> Sequence[Record]:
        deadline = time.monotonic() + timeout_s
        while True:
            records = self._fetch()
            if records or time.monotonic() >= deadline:
                return records
            time.sleep(min(POLL_PAUSE_S, max(0.0, deadline - time.monotonic())))

    def _fetch(self) -> list[Record]:
        """What is there now. SQLite's data version tells cheaply that no other connection has written since."""
        (version,) = self._connection.execute("PRAGMA data_version").fetchone()
        if version == self._seen_version:
            return []
        records: list[Record] = []
        for partition, offset in self._next.items():
            rows = self._connection.execute(
                "SELECT offset, key, attributes, value, previous_hash, hash FROM records"
                " WHERE partition = ? AND offset >= ? ORDER BY offset LIMIT ?",
                (partition, offset, POLL_LIMIT - len(records)),
            ).fetchall()
            records += [Record(partition, row[1], orjson.loads(row[2]), row[3], row[4], row[5], row[0]) for row in rows]
            if rows:
                self._next[partition] = rows[-1][0] + 1
            if len(records) == POLL_LIMIT:
                return records
        self._seen_version = version
        return records

    def position(self, partition: str) -> int:
        return self._next[partition]

    def close(self) -> None:
        self._connection.close()


class SqliteKeys:
    """The table of wrapped data keys."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._lock = Lock()

    def get(self, key: str) -> bytes | None:
        with self._lock:
            row = self._connection.execute("SELECT wrapped FROM keys WHERE name = ?", (key,)).fetchone()
        return row[0] if row else None

    def items(self) -> Iterator[tuple[str, bytes]]:
        with self._lock:
            rows = self._connection.execute("SELECT name, wrapped FROM keys ORDER BY name").fetchall()
        return iter(rows)

    def close(self) -> None:
        self._connection.close()


def connect(path: Path) -> sqlite3.Connection:
    """A connection in autocommit mode, to be used by one thread at a time."""
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA secure_delete = ON")  # an erased data key must not linger in free pages
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_ROW_BYTES)
    return connection


def _meta(connection: sqlite3.Connection, environment: str, partitions: int) -> dict[str, str]:
    """What the file says of itself, written first where it is new."""
    (present,) = connection.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'meta'").fetchone()
    if not present:
        connection.executescript(f"BEGIN IMMEDIATE; {SCHEMA} COMMIT;")
        fresh = {"file_id": uuid.uuid4().hex, "environment": environment, "partitions": str(partitions)}
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT OR IGNORE INTO meta VALUES (?, ?)", fresh.items())
        connection.execute("COMMIT")
    return dict(connection.execute("SELECT name, value FROM meta"))
