"""The write side of the embedded log: the file lock, and all-or-nothing appends."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import orjson

from infra.eventlog.log import Aborted, AppendError, Change, LogUnusable, NotOwner, OutcomeUnknown, RecordRefused, nothing
from infra.eventlog.number import claim_record, stored
from infra.eventlog.record import Record

PRIMARY_CODE = 0xFF  # the lower byte of an SQLite result code is its class


class FileLock:
    """An exclusive lock on a file (beside the log, in an indexes' folder) until ``release`` or the end of the process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("a+b", buffering=0)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.seek(0)
            holder = self._file.read(32).decode().strip() or "unknown"
            self._file.close()
            raise LogUnusable(f"{path} is owned by another process (pid {holder})") from None
        self._file.truncate(0)
        self._file.write(str(os.getpid()).encode())

    def held(self) -> bool:
        """Whether the file that we locked is still the one that others would try to lock."""
        try:
            return os.path.samestat(os.fstat(self._file.fileno()), os.stat(self._path))
        except FileNotFoundError:
            return False

    def fileno(self) -> int:
        """A child that inherits it holds the lock as well."""
        return self._file.fileno()

    def release(self) -> None:
        """Let others own the log; a second call does nothing."""
        self._file.close()


def next_offset(connection: sqlite3.Connection, partition: str) -> int:
    """The offset that the partition's next record takes."""
    row = connection.execute("SELECT max(offset) FROM records WHERE partition = ?", (partition,)).fetchone()
    return 0 if row[0] is None else int(row[0]) + 1


class SqliteOwner:
    """Owns all partitions as long as it holds the lock. Raises LogUnusable where another process does."""

    def __init__(
        self,
        path: Path,
        connect: Callable[[], sqlite3.Connection],
        environment: str,
        partitions: tuple[str, ...],
        address: str,
    ) -> None:
        self._lock = FileLock(path.with_name(path.name + ".lock"))
        self._connect = connect
        self._environment = environment
        self._partitions = frozenset(partitions)
        self._address = address
        self._announced = False
        self._connection = connect()
        self._next: dict[str, int] = {}  # the offset that a partition's next record takes

    def poll(self, timeout_s: float) -> Change:
        if not self._announced:
            self._announced = True
            return Change(gained=self._partitions)
        if timeout_s > 0:
            time.sleep(timeout_s)
        return Change()

    def claim(self, partition: str, term: int, now: datetime) -> Record:
        record = claim_record(partition, term, now, self._environment, self._address, ())
        end = self.commit([record], {}, frozenset([partition]))
        return stored(record, end[partition] - 1)

    def commit(
        self,
        records: Sequence[Record],
        data_keys: Mapping[str, bytes],
        proves: frozenset[str],
        meanwhile: Callable[[], None] = nothing,
    ) -> Mapping[str, int]:
        written = {record.partition for record in records} | proves
        if not written <= self._partitions:
            raise NotOwner(written - self._partitions)
        if not self._lock.held():
            raise NotOwner(self._partitions)
        meanwhile()
        return self._append(records, data_keys) if records or data_keys else {}

    def load(self, records: Sequence[Record]) -> None:
        self.commit(records, {}, frozenset())

    def last_claim(self, partition: str, below: int) -> Record | None:  # noqa: ARG002
        return None  # nobody gets past the file's lock

    def unwritable(self, partitions: Iterable[str]) -> dict[str, str]:  # noqa: ARG002
        return {}  # one file has them all

    def recover(self) -> None:
        self._connection.close()
        self._connection = self._connect()
        self._next.clear()

    def close(self) -> None:
        self._connection.close()
        self._lock.release()

    def _append(self, records: Sequence[Record], data_keys: Mapping[str, bytes]) -> dict[str, int]:
        """Write all in one transaction; gives the offset after each partition's last record."""
        committing = False
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            rows, ends = self._rows(records)
            self._connection.executemany("INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
            self._connection.executemany("INSERT OR REPLACE INTO keys VALUES (?, ?)", data_keys.items())
            committing = True
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise self._undone(error, committing) from error
        self._next |= ends
        return ends

    def _rows(self, records: Sequence[Record]) -> tuple[list[tuple[object, ...]], dict[str, int]]:
        rows: list[tuple[object, ...]] = []
        ends: dict[str, int] = {}
        for record in records:
            partition, attributes = record.partition, record.attributes
            offset = ends.get(partition)
            if offset is None:
                offset = self._next[partition] if partition in self._next else next_offset(self._connection, partition)
            ends[partition] = offset + 1
            sequence = int(attributes["sequence"]) if "sequence" in attributes else None
            text = orjson.dumps(attributes).decode()
            rows.append((partition, offset, sequence, record.key, text, record.value, record.previous_hash, record.hash))
        return rows, ends

    def _undone(self, error: sqlite3.Error, committing: bool) -> AppendError:
        """Roll back what is open; gives what the error of SQLite means for the window."""
        if self._connection.in_transaction:
            try:
                self._connection.execute("ROLLBACK")
            except sqlite3.Error as second:
                return OutcomeUnknown(f"neither committed nor rolled back: {error}, then {second}")
        if isinstance(error, sqlite3.IntegrityError):
            self._next.clear()  # somebody wrote where only we may: our idea of the log is old
            return NotOwner(self._partitions)
        if isinstance(error, sqlite3.DataError):
            return RecordRefused(f"the log refuses a record: {error}")
        code = getattr(error, "sqlite_errorcode", 0) & PRIMARY_CODE
        if committing and code == sqlite3.SQLITE_IOERR:
            return OutcomeUnknown(f"the commit failed at the disk: {error}")
        return Aborted(f"nothing was written: {error}")
