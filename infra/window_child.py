"""The process that owns partitions and commits windows, for the node whose child it is: ``python -m infra.window_child FD``.

It is killed with its node: the end of the socket without a word ends it at once, and what was in flight is settled by whoever
takes over.
"""

from __future__ import annotations

import os
import pickle
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from threading import Lock, Thread
from typing import Any, BinaryIO

import structlog

from infra.bootstrap import open_log, open_snapshots, wall_clock
from infra.eventlog.index_queries import IndexQueries
from infra.eventlog.listener import Committed
from infra.eventlog.reader import ReaderState
from infra.eventlog.window import WindowThread
from infra.expected import EXPECTED
from infra.logging import configure_logging
from infra.node.streams import derive, open_known
from infra.node.window_process import SIZE_BYTES, framed
from infra.runtime import tune
from infra.settings import Settings

_log = structlog.get_logger(__name__)

BEAT_S = 1.0
# A node that has said nothing for so many beats of ours hangs: more than what a log that is away may hold it up, and beats, not
# seconds, so that a machine that stood still as a whole is no reason.
NODE_SILENT_BEATS = 15


class Reports:
    """The window thread's listener: everything goes to the node."""

    def __init__(self, end: socket.socket) -> None:
        self.window: WindowThread
        self._end = end
        self._sending = Lock()
        self.behind: Callable[[], Mapping[str, int]] = dict

    def _tell(self, name: str, *arguments: object) -> None:
        try:
            with self._sending:
                self._end.sendall(framed((name, arguments)))
        except ConnectionError:
            os._exit(1)

    def alive(self) -> None:
        """Say so, once a beat: a process that is stopped does not."""
        while True:
            time.sleep(BEAT_S)
            self._tell("alive", self.behind())

    def assigned(self, partitions: frozenset[str]) -> None:
        self._tell("assigned", partitions)

    def serving(self, partition: str, queries: IndexQueries, state: ReaderState, epoch: int) -> None:
        queries.close()
        self._tell("serving", partition, queries.path, state, epoch)
        self._count()

    def stopped(self, partitions: frozenset[str], reason: str) -> None:
        self._tell("stopped", partitions, reason)
        self._count()

    def unknown(self, partitions: frozenset[str], reason: str) -> None:
        self._tell("unknown", partitions, reason)
        self._count()

    def settled(self, results: Sequence[tuple[object, Committed]]) -> None:
        self._count()  # before: who is answered finds it counted
        self._tell("settled", results)

    def proved(self) -> None:
        self._tell("proved")
        self._count()

    def failed(self, epochs: Mapping[str, int], reason: str) -> None:
        self._tell("failed", epochs, reason)
        self._count()

    def refused(self, token: object, reason: str) -> None:
        self._tell("refused", token, reason)

    def broken(self, partition: str, error: Exception) -> None:
        self._tell("broken", partition, _portable(error))
        self._count()

    def died(self, error: BaseException) -> None:
        self._tell("died", _portable(error))

    def _count(self) -> None:
        self._tell("counted", self.window.counts)


def _portable(error: BaseException) -> BaseException:
    """The error, where another process can be expected to know what it is."""
    return error if isinstance(error, EXPECTED) else RuntimeError(f"{type(error).__name__}: {error}")


def main(fd: int) -> None:
    """Serve the node at the other end until it says stop, or is gone."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # for the node, which ends us
    with socket.socket(fileno=fd) as end, end.makefile("rb") as stream:
        settings: Settings = _receive(stream)
        configure_logging(settings.log_level, settings.log_format)
        tune()
        reports = Reports(end)
        Thread(target=reports.alive, name="alive", daemon=True).start()
        try:
            _serve(settings, stream, reports)
        except Exception as error:
            reports.died(error)


def _serve(settings: Settings, stream: BinaryIO, reports: Reports) -> None:
    with open_log(settings) as log:
        indexes, snapshots = partial(open_known, log, settings.state / "index"), open_snapshots(settings, log)
        window = reports.window = WindowThread(log, indexes, derive, reports, wall_clock, snapshots)
        reports.behind = lambda: window.counts.behind
        window.start()
        node = Watch(window)
        Thread(target=node.run, name="node", daemon=True).start()
        while (entries := _receive(stream)) is not None:
            node.heard()
            window.submit(entries)
        window.close()


class Watch:
    """Gives the partitions up where the node says nothing any more: their customers would wait as long as it hangs."""

    def __init__(self, window: WindowThread) -> None:
        self._window = window
        self._silent_beats = 0

    def heard(self) -> None:
        self._silent_beats = 0

    def run(self) -> None:
        while self._silent_beats < NODE_SILENT_BEATS:
            time.sleep(BEAT_S)
            self._silent_beats += 1
        _log.error("the node hangs: its partitions are given up", silent_s=NODE_SILENT_BEATS * BEAT_S)
        with suppress(TimeoutError):  # then the group finds out by itself
            self._window.close()
        os._exit(1)


def _receive(stream: BinaryIO) -> Any:
    return pickle.loads(_read(stream, int.from_bytes(_read(stream, SIZE_BYTES))))


def _read(stream: BinaryIO, size: int) -> bytes:
    """So many bytes. A node that is gone may leave half a message; or a reset, where it had not read all that it was told."""
    try:
        got = stream.read(size)
    except ConnectionError:
        got = b""
    if len(got) < size:
        os._exit(1)
    return got


if __name__ == "__main__":
    main(int(sys.argv[1]))
