"""A node's window in the test's own process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path

from infra.eventlog.listener import Entry, Listener
from infra.eventlog.log import Log
from infra.eventlog.window import WindowThread
from infra.node.streams import derive, open_known


class InThread:
    """A node's window as a thread of the test's process, on a log that a test may have make faults."""

    def __init__(self, log: Log, folder: Path, clock: Callable[[], datetime], listener: Listener) -> None:
        self._window = WindowThread(log, partial(open_known, log, folder), derive, listener, clock)
        self.counts = self._window.counts

    def submit(self, entry: Entry) -> None:
        self._window.submit([entry])

    async def start(self) -> None:
        self._window.start()

    async def close(self) -> None:
        await asyncio.to_thread(self._window.close)
