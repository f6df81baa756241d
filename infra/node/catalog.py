"""The catalog as a node knows it: from its own partition where it owns it, else by following."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from math import inf

import structlog

from commands.catalog.view import CatalogView
from commands.ports import Unavailable
from domain.event import Event
from domain.registry import decode
from infra.eventlog.index_queries import IndexQueries
from infra.eventlog.log import Log, LogUnavailable
from infra.node.follower import CatalogFollower
from infra.node.listener import LoopListener

READ_LIMIT_S = 2.0
# Who has not seen the catalog's end for so long decides no more: a price may have been replaced, a key revoked.
CURRENT_S = 5.0

_log = structlog.get_logger(__name__)


class NodeCatalog:
    """``view`` is what commands decide on; ``is_read`` once the end that the log had at the start has been reached."""

    def __init__(self, log: Log, view: CatalogView, listener: LoopListener) -> None:
        self.view = view
        self.is_read = False
        self._moved = asyncio.Event()
        self._reading = asyncio.Lock()
        self._last_reading = (-inf, False)  # when the last one began, and whether it reached the end
        self._follower = CatalogFollower(log, listener.catalog, listener.catalog_read, listener.died)

    def start(self) -> None:
        self._follower.start()

    @property
    def behind(self) -> str:
        """Why nothing may be decided on it now; empty where it is all there was a moment ago."""
        if not self.is_read:
            return "the catalog has not been read yet"
        if not self._follower.owned.is_set() and time.monotonic() - self._follower.confirmed_at > CURRENT_S:
            return f"the catalog's end has not been seen for {CURRENT_S:.0f} s"
        return ""

    async def close(self) -> None:
        await asyncio.to_thread(self._follower.close)

    def own(self, queries: IndexQueries) -> None:
        """Its partition is served here from now on: what the index holds is all there is."""
        rows = queries.notifications(self.view.sequence, inclusive=False)
        self.learn([(decode(row.stream, row.version, row.type, row.value), row.sequence) for row in rows])
        self.is_read = True
        self._follower.owned.set()

    def disown(self) -> None:
        self._follower.owned.clear()

    def learn(self, events: Iterable[tuple[Event, int]]) -> None:
        """Take in events with their sequences; those that are known already change nothing."""
        for event, sequence in events:
            if sequence > self.view.sequence:
                self.view.apply(event, sequence)
        self._moved.set()

    async def reaches(self, sequence: int, timeout_s: float) -> bool:
        """Wait until that much is known."""
        end = asyncio.get_running_loop().time() + timeout_s
        while self.view.sequence < sequence:
            self._moved.clear()
            try:
                await asyncio.wait_for(self._moved.wait(), end - asyncio.get_running_loop().time())
            except TimeoutError:
                return False
        return True

    async def read_to_end(self) -> None:
        """Follow to the log's end as it is now; all who ask while one reads share the next reading. Raises Unavailable."""
        if self._follower.owned.is_set():
            return
        asked = asyncio.get_running_loop().time()
        async with self._reading:
            begun, reached = self._last_reading
            if begun < asked:
                begun = asyncio.get_running_loop().time()
                reached = await asyncio.to_thread(self._reach_end)
                self._last_reading = begun, reached
        if not reached:
            raise Unavailable("catalog_behind", "The catalog could not be read to its end in time.")
        await asyncio.sleep(0)  # what was read has hopped onto the loop before

    def _reach_end(self) -> bool:
        try:
            return self._follower.read_to_end(READ_LIMIT_S)
        except LogUnavailable as error:
            _log.warning("the catalog's end is not known", error=str(error))
            return False

    async def moved_on(self, seen: int) -> bool:
        """Follow to the log's end: is there more than ``seen``? Raises Unavailable."""
        await self.read_to_end()
        return self.view.sequence > seen
