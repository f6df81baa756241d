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
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, BinaryIO

from infra.bootstrap import open_log, open_snapshots, wall_clock
from infra.eventlog.index_queries import IndexQueries
from infra.eventlog.listener import Committed
from infra.eventlog.reader import ReaderState
from infra.eventlog.rebuild import open_index
from infra.eventlog.window import WindowThread
from infra.expected import EXPECTED
from infra.logging import configure_logging
from infra.node.streams import derive
from infra.node.window_process import SIZE_BYTES, framed
from infra.runtime import tune
from infra.settings import Settings


class Reports:
    """The window thread's listener: everything goes to the node."""

    def __init__(self, end: socket.socket) -> None:
        self.window: WindowThread
        self._end = end

    def _tell(self, name: str, *arguments: object) -> None:
        try:
            self._end.sendall(framed((name, arguments)))
        except ConnectionError:
            os._exit(1)

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
        try:
            _serve(settings, stream, reports)
        except Exception as error:
            reports.died(error)


def _serve(settings: Settings, stream: BinaryIO, reports: Reports) -> None:
    with open_log(settings) as log:
        indexes, snapshots = partial(open_index, log, settings.state / "index"), open_snapshots(settings, log)
        window = reports.window = WindowThread(log, indexes, derive, reports, wall_clock, snapshots)
        window.start()
        while (entries := _receive(stream)) is not None:
            window.submit(entries)
        window.close()


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
