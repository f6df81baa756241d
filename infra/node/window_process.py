"""The window process, as the node sees it: entries go to it, reports come back, pickled, over one socket.

In a thread of the node's it would have the interpreter in turns with the loop, a hundred microseconds each, and move what both
use from one processor to the other every time: commands took twice as long (docs/adr/0020).
"""

from __future__ import annotations

import asyncio
import pickle
import socket
import sys
from collections.abc import Iterable, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import structlog

from infra.eventlog.counts import WindowCounts
from infra.eventlog.index_queries import IndexQueries
from infra.eventlog.listener import Committed, Entry, Listener
from infra.eventlog.reader import ReaderState
from infra.eventlog.sqlite_owner import FileLock
from infra.settings import Settings

CLOSE_LIMIT_S = 7.0
BEAT_S = 1.0
# Beats of our own, which stand still where we do: a machine that was suspended is no reason.
START_BEATS = 60
SILENT_BEATS = 10

_log = structlog.get_logger(__name__)


class WindowProcessError(RuntimeError):
    """The window process has ended without having been told to, or does not although it was."""


class WindowProcess:
    """Starts `infra.window_child` and stands for it. ``listener`` is told on the loop. ``lock`` is that of the indexes' folder;
    the process holds it too, so that the next node keeps out while one that was left behind still has it.
    """

    def __init__(self, settings: Settings, listener: Listener, lock: FileLock) -> None:
        self.counts = WindowCounts()
        self._settings = settings
        self._lock = lock
        self._listener = listener
        self._numbers = count()
        self._tokens: dict[str, dict[int, object]] = {}  # of what is not settled, by partition: a token stays here
        self._outbox: list[Entry] = []
        self._closing = False
        self._silent_beats = -START_BEATS

    async def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        with theirs:
            # A session of its own keeps the terminal's Ctrl-C from it: it ends when it is told to, or when our end closes.
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "infra.window_child", str(theirs.fileno()),
                stdin=asyncio.subprocess.DEVNULL, pass_fds=[theirs.fileno(), self._lock.fileno()], start_new_session=True,
            )  # fmt: skip
        self._reports, self._entries = await asyncio.open_connection(sock=ours)
        self._send(self._settings)
        self._beating = asyncio.create_task(self._beat())
        self._listening = asyncio.create_task(self._listen())

    def submit(self, entry: Entry) -> None:
        if not self._outbox:
            self._loop.call_soon(self._send_outbox)
        number = next(self._numbers)
        self._tokens.setdefault(entry.partition, {})[number] = entry.token
        self._outbox.append(entry._replace(token=number))

    def _send_outbox(self) -> None:
        """All of a turn of the loop together: each message costs as much as a small command."""
        entries, self._outbox = self._outbox, []
        self._send(entries)

    async def close(self) -> None:
        self._closing = True
        self._send(None)
        try:
            await asyncio.wait_for(self._process.wait(), CLOSE_LIMIT_S)
            await self._listening
        except TimeoutError:
            raise WindowProcessError(f"the window process did not end within {CLOSE_LIMIT_S:.0f} s, and is killed") from None
        finally:
            self._listening.cancel()
            self._beating.cancel()
            self._entries.close()
            if self._process.returncode is None:
                self._process.kill()

    def _send(self, message: object) -> None:
        if not self._entries.is_closing():  # that it has ended `_listen` tells; a write would raise something that hides it
            self._entries.write(framed(message))

    async def _beat(self) -> None:
        """Say that we are there, and kill a process that has been silent for too long: it has been stopped, or hangs."""
        while self._silent_beats < SILENT_BEATS:
            await asyncio.sleep(BEAT_S)
            self._send([])
            self._silent_beats += 1
        _log.error("the window process hangs, and is killed", silent_s=SILENT_BEATS * BEAT_S)
        self._process.kill()

    async def _listen(self) -> None:
        """Pass on what the process reports until it ends."""
        try:
            while True:
                size = int.from_bytes(await self._reports.readexactly(SIZE_BYTES))
                name, arguments = pickle.loads(await self._reports.readexactly(size))
                self._silent_beats = 0
                getattr(self, name)(*arguments)
        except (asyncio.IncompleteReadError, ConnectionError):
            self._beating.cancel()
            if not self._closing:
                self._listener.died(WindowProcessError(f"the window process has ended, with status {await self._process.wait()}"))
        except Exception as error:
            self._listener.died(error)

    # What it reports

    def alive(self, behind: Mapping[str, int]) -> None:
        """Nothing but that, and how far takeovers are."""
        self.counts.behind = behind

    def counted(self, counts: WindowCounts) -> None:
        self.counts = counts

    def assigned(self, partitions: frozenset[str]) -> None:
        self._listener.assigned(partitions)

    def serving(self, partition: str, path: Path, state: ReaderState, epoch: int) -> None:
        self._listener.serving(partition, IndexQueries(path), state, epoch)

    def stopped(self, partitions: frozenset[str], reason: str) -> None:
        self._forget(partitions)
        self._listener.stopped(partitions, reason)

    def unknown(self, partitions: frozenset[str], reason: str) -> None:
        self._forget(partitions)
        self._listener.unknown(partitions, reason)

    def settled(self, results: Sequence[tuple[int, Committed]]) -> None:
        self._listener.settled([(self._tokens[committed.partition].pop(number), committed) for number, committed in results])

    def proved(self) -> None:
        self._listener.proved()

    def failed(self, epochs: Mapping[str, int], reason: str) -> None:
        self._forget(epochs)
        self._listener.failed(epochs, reason)

    def refused(self, number: int, reason: str) -> None:
        token = next(tokens.pop(number) for tokens in self._tokens.values() if number in tokens)
        self._listener.refused(token, reason)

    def broken(self, partition: str, error: Exception) -> None:
        self._listener.broken(partition, error)

    def died(self, error: Exception) -> None:
        self._listener.died(error)

    def _forget(self, partitions: Iterable[str]) -> None:
        """Nothing that was submitted for these comes back: it will be decided again, or asked for by its command's id."""
        for partition in partitions:
            self._tokens.pop(partition, None)


SIZE_BYTES = 4


def framed(message: Any) -> bytes:
    """A message as it goes over the socket: its size, and itself pickled."""
    pickled = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    return len(pickled).to_bytes(SIZE_BYTES) + pickled
