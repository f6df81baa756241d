"""What clients were told: the receipt of every command that was answered, taken down at the client's side of the connection."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import httpx
import orjson


@dataclass(frozen=True, slots=True)
class Receipt:
    """What an answer proves: a version of a stream, at a position, in an event with this hash."""

    stream: str
    version: int
    position: str
    event_hash: str


# By idempotency key: one receipt, however often a command is answered.
Receipts = dict[str, set[Receipt]]


async def _at_once() -> None: ...


class Witness(httpx.AsyncBaseTransport):
    """Passes requests on, each when ``turn`` has come, and adds the receipt of its answer to ``receipts``."""

    def __init__(self, receipts: Receipts, turn: Callable[[], Awaitable[None]] = _at_once) -> None:
        self.receipts = receipts
        self._turn = turn
        self._inner = httpx.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await self._turn()
        response = await self._inner.handle_async_request(request)
        key = request.headers.get("Idempotency-Key")
        if key is not None and response.is_success:
            receipt = orjson.loads(await response.aread())["receipt"]
            self.receipts.setdefault(key, set()).add(Receipt(**receipt))
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()
