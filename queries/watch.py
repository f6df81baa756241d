"""Where the projector stands, looked at once for all who wait: waiting costs nothing but the place in the queue."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from queries.ports import ReadModels

TICK_S = 0.1


class Watch:
    """The projector's positions, in one event loop. While somebody waits, one task looks every ``TICK_S``."""

    def __init__(self, read: ReadModels) -> None:
        self._read = read
        self._at: Mapping[str, int] = {}
        self._looking: asyncio.Task[Mapping[str, int]] | None = None
        self._turning: asyncio.Task[None] | None = None
        self._waiting = 0
        self.stopped = False

    async def now(self) -> Mapping[str, int]:
        """The positions, by a look that serves all who ask at that moment. Raises ReadModelsUnavailable."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        return await asyncio.shield(self._looking)

    async def changed(
        self, seen: Mapping[str, int], wait_s: float, gone: asyncio.Future[None] | None = None
    ) -> Mapping[str, int]:
        """The positions, as soon as they are not ``seen`` any more, the wait is over, the watch is stopped or ``gone`` is done.

        Raises ReadModelsUnavailable.
        """
        deadline = asyncio.get_running_loop().time() + wait_s
        self._waiting += 1
        try:
            while self._at == seen and not self.stopped:
                turning = self._turn()
                ends = [turning] if gone is None else [turning, gone]
                left_s = deadline - asyncio.get_running_loop().time()
                done, _ = await asyncio.wait(ends, timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
                if turning not in done:
                    break
                if not turning.cancelled():
                    turning.result()
        finally:
            self._waiting -= 1
        return self._at

    def stop(self) -> None:
        """Nobody waits any more, from now on."""
        self.stopped = True
        if self._turning is not None:
            self._turning.cancel()

    def _turn(self) -> asyncio.Task[None]:
        """The task that ends with the next change, or with the error that hides it."""
        if self._turning is None or self._turning.done():
            self._turning = asyncio.create_task(self._look_until_changed())
        return self._turning

    async def _look_until_changed(self) -> None:
        seen = self._at
        while self._waiting and self._at == seen:
            await asyncio.sleep(TICK_S)
            await self.now()

    async def _look(self) -> Mapping[str, int]:
        self._at = await self._read.positions()
        return self._at
