"""Questions of one kind asked together: those that come while one snapshot is asked share the next one.

What a snapshot costs (a connection, a transaction, its tenant, its positions) is paid once for all of them, as windows do for
commands. Every answer still comes from a snapshot that was taken after its question.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Generic, TypeVar

AT_ONCE_MAX = 500

Found = TypeVar("Found")
# Finds some of a tenant's things by their ids, and the positions of the rows that say so.
Ask = Callable[[str, Sequence[str]], Awaitable[tuple[Mapping[str, Found], Mapping[str, int]]]]


class Together(Generic[Found]):
    """Finds things by their ids; ``ask`` finds many in one snapshot. Belongs to one event loop."""

    def __init__(self, ask: Ask[Found]) -> None:
        self._ask = ask
        self._waiting: dict[str, list[tuple[str, asyncio.Future[tuple[Found | None, Mapping[str, int]]]]]] = {}
        self._running: dict[str, asyncio.Task[None]] = {}

    async def find(self, tenant: str, id: str) -> tuple[Found | None, Mapping[str, int]]:
        """What has this id in a tenant, None where there is nothing, and the positions of the rows that say so.

        Raises what ``ask`` raises.
        """
        future: asyncio.Future[tuple[Found | None, Mapping[str, int]]] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(tenant, []).append((id, future))
        if tenant not in self._running:
            self._running[tenant] = asyncio.create_task(self._answer_all(tenant))
        return await future

    async def _answer_all(self, tenant: str) -> None:
        """Answer until nobody of this tenant waits. One tenant's questions do not hold up another's."""
        try:
            while waiting := self._waiting.pop(tenant, None):
                some, more = waiting[:AT_ONCE_MAX], waiting[AT_ONCE_MAX:]
                if more:
                    self._waiting[tenant] = more
                await self._answer(tenant, some)
        finally:
            del self._running[tenant]

    async def _answer(
        self, tenant: str, some: Sequence[tuple[str, asyncio.Future[tuple[Found | None, Mapping[str, int]]]]]
    ) -> None:
        try:
            found, at = await self._ask(tenant, list({id for id, _ in some}))
        except Exception as error:  # each of those who asked is told
            for _, future in some:
                if not future.done():
                    future.set_exception(error)
            return
        for id, future in some:
            if not future.done():  # done: its client went away
                future.set_result((found.get(id), at))
