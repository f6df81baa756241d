"""Keeps a node's indexes near to their snapshots, both ways, apart from the windows: takes one before a partition is taken over
without an index, and writes one where much has come since the last.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from threading import Event, Thread

import structlog

from infra.eventlog.index import peek
from infra.eventlog.index_snapshots import STORE_ERRORS, IndexSnapshots, SnapshotUnusable, first_line, report_unusable
from infra.eventlog.log import Log, LogUnavailable

# What a catch-up reads in a second or two: not worth a snapshot, either way.
WORTH = 10_000
# A snapshot once an index has grown by a tenth: the rest is soon read, and what is written stays in proportion to the events.
SHARE = 10
EVERY_S = 10.0
RETRY_S = 60.0
_NICENESS = 10

_log = structlog.get_logger(__name__)


class _Ended(Exception):
    """The node is closing."""


class SnapshotKeeper:
    """For the indexes of ``event_log``, whose files ``path_of`` names. All methods are for the window thread."""

    def __init__(self, event_log: Log, snapshots: IndexSnapshots, path_of: Callable[[str], Path]) -> None:
        self._log = event_log
        self._snapshots = snapshots
        self._path_of = path_of
        self._preparing: dict[str, Thread] = {}
        self._served: frozenset[str] = frozenset()  # replaced whole: read by the other thread
        self._sequences: dict[str, int] = {}  # of the newest snapshots, as far as we know
        self._stop = Event()
        self._writing = Thread(target=self._write, name="snapshots", daemon=True)

    def start(self) -> None:
        self._writing.start()

    def close(self) -> None:
        """After the part in hand."""
        self._stop.set()

    def ready(self, wanted: Iterable[str]) -> frozenset[str]:
        """Those of ``wanted`` whose indexes may be opened; the others' are brought in the background."""
        for partition in wanted:
            if partition not in self._preparing:
                thread = Thread(target=self._prepare, args=(partition,), name=f"restore-{partition}", daemon=True)
                self._preparing[partition] = thread
                thread.start()
        done = frozenset(partition for partition in wanted if not self._preparing[partition].is_alive())
        for partition in done:
            del self._preparing[partition]
        return done

    def add(self, partition: str) -> None:
        """The partition is served from now on, and its index written."""
        self._served |= {partition}

    def discard(self, partition: str) -> None:
        self._served -= {partition}
        self._sequences.pop(partition, None)  # its next owner writes newer ones

    # Before a takeover

    def _prepare(self, partition: str) -> None:
        """Put the newest snapshot in the place of an index that is missing, or far behind both log and snapshot."""
        path, identity = self._path_of(partition), self._log.identity(partition)
        try:
            found = peek(path)
            if found is not None and found[0] != identity:
                return  # another log's: whoever opens it says so
            read_to = found[1].offset if found is not None else -WORTH
            if self._log.end(partition) - read_to >= WORTH:
                self._restore(partition, path, identity, read_to + WORTH)
        except _Ended:
            return
        except (*STORE_ERRORS, LogUnavailable) as error:
            _log.warning("no snapshot can be taken", partition=partition, reason=first_line(error))

    def _restore(self, partition: str, path: Path, identity: str, worth_offset: int) -> None:
        """Take the newest snapshot that is whole and reaches ``worth_offset``."""
        path.parent.mkdir(parents=True, exist_ok=True)
        for snapshot in self._snapshots.newest(partition, identity):
            if snapshot.state.offset < worth_offset:
                return
            begun = time.monotonic()
            _log.info("restoring an index", partition=partition, snapshot=snapshot.name, bytes=snapshot.size)
            try:
                self._snapshots.restore(snapshot, path, self._go_on)
            except SnapshotUnusable as error:
                report_unusable(snapshot.name, error)
            else:
                took_s = round(time.monotonic() - begun, 3)
                _log.info("index restored", partition=partition, sequence=snapshot.state.sequence, seconds=took_s)
                return

    # While it is served

    def _write(self) -> None:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)  # on Linux a thread has its own
        pause_s = EVERY_S
        while not self._stop.wait(pause_s):
            pause_s = EVERY_S
            for partition in self._served:
                try:
                    self._save_if_due(partition)
                except _Ended:
                    return
                except (*STORE_ERRORS, sqlite3.Error) as error:
                    _log.warning("snapshot not written", partition=partition, reason=first_line(error))
                    pause_s = RETRY_S

    def _save_if_due(self, partition: str) -> None:
        path, identity = self._path_of(partition), self._log.identity(partition)
        found = peek(path)
        if found is None or found[1].sequence < WORTH:
            return
        if partition not in self._sequences:
            newest = next(self._snapshots.newest(partition, identity), None)
            self._sequences[partition] = newest.state.sequence if newest is not None else 0
        sequence = found[1].sequence
        if sequence - self._sequences[partition] < max(WORTH, sequence // SHARE):
            return
        begun = time.monotonic()
        saved = self._snapshots.save(partition, path, identity, self._go_on)
        self._sequences[partition] = saved.state.sequence
        took_s = round(time.monotonic() - begun, 3)
        _log.info("snapshot written", partition=partition, snapshot=saved.name, bytes=saved.size, seconds=took_s)

    def _go_on(self) -> None:
        if self._stop.is_set():
            raise _Ended
