"""The client for asyncio: as `Client`, with await."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from types import TracebackType
from typing import Self, TypeVar

import httpx

from subledger_client import models
from subledger_client.batch import PATH, Batch, Result
from subledger_client.previews import Preview
from subledger_client.requests import Command, Feed, Listing, Query
from subledger_client.session import BROKEN, DEADLINE_S, TIMEOUT_S, Exchange, Received, Session, Steps

T = TypeVar("T")


class AsyncClient:
    """As `Client`, with await; for one event loop."""

    def __init__(
        self,
        base_url: str,
        api_key: str,
        *,
        tenant: str | None = None,
        reason: str | None = None,
        position: str = "",
        deadline_s: float = DEADLINE_S,
        timeout_s: float = TIMEOUT_S,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._session = Session(
            api_key, tenant=tenant, reason=reason, position=position, deadline_s=deadline_s, timeout_s=timeout_s
        )
        self._http = httpx.AsyncClient(base_url=base_url, headers=self._session.headers, timeout=timeout_s, transport=transport)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    async def close(self) -> None:
        await self._http.aclose()

    @property
    def position(self) -> str:
        """How far the ledger was seen to be: hand it to a client elsewhere that is to see as much."""
        return str(self._session.positions)

    async def send(self, command: Command[T]) -> T:
        """Have a command done; raises a Problem or Unreachable."""
        return await self._run(self._session.send(command))

    async def preview(self, command: Command[T]) -> Preview[T]:
        """What a command would do, of which nothing is done; raises a Problem or Unreachable."""
        return await self._run(self._session.preview(command))

    async def get(self, query: Query[T]) -> T:
        """Ask; raises a Problem or Unreachable."""
        return await self._run(self._session.get(query))

    async def list(self, listing: Listing[T]) -> AsyncIterator[T]:
        """All that there is, page by page as it is read; raises a Problem or Unreachable."""
        cursor = None
        while True:
            found, cursor = await self._run(self._session.page(listing, cursor))
            for each in found:
                yield each
            if cursor is None:
                return

    async def follow(self, feed: Feed[models.EventPage], after: str = "0") -> AsyncIterator[models.EventPage]:
        """Events as they come, for ever, from behind ``after``: a page's ``next_cursor``, which is to be kept with what was made
        of the page. One without events says that none came for a while. Raises a Problem or Unreachable.
        """
        while True:
            page = await self._run(self._session.follow(feed, after))
            yield page
            after = page["next_cursor"]

    async def batch(self, commands: Iterable[Command[T]]) -> AsyncIterator[Result[T]]:
        """Have many commands done: in order for each customer, in any order between them. Each result comes once it is known.

        Raises a Problem or Unreachable where nothing was done for ``deadline_s``; send again what has no result.
        """
        batch = Batch(self._session, commands)
        while content := batch.begin():
            broken: Received = None
            try:
                async with self._http.stream("POST", PATH, content=content, headers=batch.headers) as response:
                    if response.is_success:
                        async for piece in response.aiter_bytes():
                            for result in batch.read(piece):
                                yield result
                    else:
                        await response.aread()
                        broken = response
            except BROKEN as error:
                broken = error
            if (pause := batch.end(broken)) is not None:
                await asyncio.sleep(pause.seconds)

    async def _run(self, steps: Steps[T]) -> T:
        received: Received = None
        try:
            while True:
                step = steps.send(received)
                if isinstance(step, Exchange):
                    received = await self._exchange(step)
                else:
                    await asyncio.sleep(step.seconds)
                    received = None
        except StopIteration as end:
            found: T = end.value
            return found

    async def _exchange(self, exchange: Exchange) -> Received:
        try:
            return await self._http.request(
                exchange.method, exchange.path, headers=exchange.headers, params=exchange.params, content=exchange.content
            )
        except BROKEN as error:
            return error
