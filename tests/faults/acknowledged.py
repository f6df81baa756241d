"""What clients were told: the receipt of every command that was answered, taken down at the client's side of the connection."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import orjson

from infra.ledger_client import BATCH


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
    """Passes requests on, each when ``turn`` has come, and adds the receipts in their answers to ``receipts``: those of batches
    as they come, so that what a broken connection leaves of an answer counts too.
    """

    def __init__(self, receipts: Receipts, turn: Callable[[], Awaitable[None]] = _at_once) -> None:
        self.receipts = receipts
        self._turn = turn
        self._inner = httpx.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await self._turn()
        response = await self._inner.handle_async_request(request)
        key = request.headers.get("Idempotency-Key")
        if key is not None and response.is_success:
            self._take_down(key, orjson.loads(await response.aread()))
        elif request.url.path == BATCH and response.is_success:
            assert isinstance(response.stream, httpx.AsyncByteStream)
            response.stream = _Overheard(response.stream, self._take_down)
        return response

    def _take_down(self, key: str, body: Mapping[str, Any]) -> None:
        self.receipts.setdefault(key, set()).add(Receipt(**body["receipt"]))

    async def aclose(self) -> None:
        await self._inner.aclose()


class _Overheard(httpx.AsyncByteStream):
    """A batch's answer; ``hears`` is told the key and the body of each of its commands that was done."""

    def __init__(self, stream: httpx.AsyncByteStream, hears: Callable[[str, Mapping[str, Any]], None]) -> None:
        self._stream = stream
        self._hears = hears

    async def __aiter__(self) -> AsyncIterator[bytes]:
        rest = b""
        async for piece in self._stream:
            *lines, rest = (rest + piece).split(b"\n")
            for result in map(orjson.loads, lines):
                if httpx.codes.is_success(result["status"]):
                    self._hears(result["idempotency_key"], result["body"])
            yield piece

    async def aclose(self) -> None:
        await self._stream.aclose()
