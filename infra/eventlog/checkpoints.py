"""Checkpoints of the indexes, apart from their writer: what is in a write-ahead log goes to its file while windows go on.

A writer that does it itself, as SQLite has it by default, waits for the disk in the middle of a window, for a tenth of a second.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from threading import Event, Thread

import structlog

EVERY_S = 1.0
ROUNDS = 5  # what is written during one is left for the next

_log = structlog.get_logger(__name__)


class Checkpoints:
    """A thread that checkpoints the files that were added, from ``start`` to ``close``."""

    def __init__(self) -> None:
        self._paths: frozenset[Path] = frozenset()  # replaced whole: read by the other thread
        self._stop = Event()
        self._thread = Thread(target=self._run, name="checkpoints", daemon=True)

    def add(self, path: Path) -> None:
        self._paths |= {path}

    def discard(self, path: Path) -> None:
        self._paths -= {path}

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """After the file in hand."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(EVERY_S):
            for path in self._paths:
                if self._stop.is_set():
                    return
                try:
                    checkpoint(path)
                except sqlite3.Error as error:  # a full disk: the writer will say so
                    _log.warning("checkpoint failed", path=str(path), error=str(error))


def checkpoint(path: Path) -> None:
    """Bring a database's file up to its write-ahead log, so that it can begin anew. Blocks neither readers nor the writer."""
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)
    try:
        for _ in range(ROUNDS):
            _, written, done = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            if done == written:
                return
    finally:
        connection.close()
