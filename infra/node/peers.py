"""Sends requests on to the nodes that own what they are about, over connections that stay open.

A takeover takes a moment: until somebody answers as the owner, the owners are looked up again and the request is sent again, for
`PATIENCE_S`. It may be sent twice, since every command goes on under an idempotency key.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Literal

import aiohttp
import orjson
import structlog
from yarl import URL

from commands.api_forward import FORWARDED_BY, NOT_MINE, Reply, Request
from commands.ports import NotServed, OutcomeUnknown, Unavailable
from infra.http.problems import MEDIA_TYPE
from infra.node.owners import Owners

PATIENCE_S = 2.5
PAUSE_S = 0.1
CONNECT_S = 1.0
# An answer that takes longer: has the partition moved meanwhile?
LOOK_S = 2.0
# A batch's lines are answered one by one; the owner answers each of them sooner.
_STREAM_LIMITS = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=20.0)
# Less than a server keeps an idle connection, so that it is seldom closed under our hands.
KEEP_ALIVE_S = 4.0

# A position for each of 1,024 partitions.
HEADER_BYTES_MAX = 65_536

_NEVER_SENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
# What the node that a client speaks with says itself, or of its own connection.
_OWN_HEADERS = frozenset({
    "connection", "content-length", "content-type", "date", "keep-alive", "request-id", "server", "transfer-encoding",
})  # fmt: skip

Outcome = Literal["answered", "not_mine", "unreachable", "broken", "moved", "given_up"]

_log = structlog.get_logger(__name__)


class _Moved(Exception):
    """Another node owns the partition by now, and the one that was asked has not answered."""


class Peers:
    """Implements `commands.api_forward.Peers` for the node at ``address``. ``counts`` is how its attempts ended."""

    def __init__(self, address: str, owners: Owners, mark: str, session: aiohttp.ClientSession) -> None:
        self.mark = mark
        self.counts: Counter[Outcome] = Counter()
        self._address = address
        self._owners = owners
        self._session = session
        self._doubting: asyncio.Future[None] | None = None
        self._again_at: dict[tuple[str, str], float] = {}  # who was not there for a partition, or not as its owner

    async def forward(self, partition: str, request: Request, here: Callable[[], Awaitable[Reply]]) -> Reply:
        now = asyncio.get_running_loop().time
        last = now() + request.limit_s
        end, was_sent = now() + PATIENCE_S, False
        while True:
            seen, address = self._owners.version, self._owners.of(partition)
            if address == self._address:
                with suppress(NotServed):  # given to us, and not taken over yet
                    return await here()
            elif address is not None and self._has_turn(address, partition):
                found = await self._try(address, partition, request)
                if isinstance(found, Reply):
                    return found
                if found in ("broken", "moved"):  # after who knows how long
                    end, was_sent = min(now() + PATIENCE_S, last), True
            if now() >= end:
                raise self._given_up(partition, was_sent)
            await self._look_again(seen, end)
            if self._owners.of(partition) == address:
                await asyncio.sleep(random.uniform(PAUSE_S / 2, PAUSE_S))

    async def stream(self, partition: str, request: Request, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        now = asyncio.get_running_loop().time
        end = now() + PATIENCE_S
        while True:
            seen, address = self._owners.version, self.owner(partition)
            try:
                if address:
                    async with self._request(address, request, body, _STREAM_LIMITS) as response:
                        if response.status != 200 or not _is_a_nodes(response):
                            self.doubt()
                            raise self._given_up(partition, was_sent=False)
                        async for piece in response.content.iter_any():
                            yield piece
                    return
            except _NEVER_SENT:
                self.counts["unreachable"] += 1
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                self.counts["broken"] += 1
                _log.info("batch broke off", partition=partition, to=address, error=str(error) or type(error).__name__)
                raise self._given_up(partition, was_sent=True) from None
            if now() < end:
                await self._look_again(seen, end)
            if now() >= end or self._owners.of(partition) == self._address:  # sent again, its lines are decided here
                raise self._given_up(partition, was_sent=False)

    async def _look_again(self, seen: int, end: float) -> None:
        """Who owns what by now; a log that is away is not waited for beyond ``end``."""
        with suppress(TimeoutError):
            async with asyncio.timeout_at(end):
                await self._owners.refresh(seen)

    def _given_up(self, partition: str, was_sent: bool) -> Unavailable:
        self.counts["given_up"] += 1
        if was_sent:
            return OutcomeUnknown()
        return NotServed(partition, f"Partition {partition} has no owner that answers now.")

    def owner(self, partition: str) -> str:
        address = self._owners.of(partition)
        return "" if address is None or address == self._address else address

    def doubt(self) -> None:
        if self._doubting is None or self._doubting.done():
            self._doubting = asyncio.ensure_future(self._owners.refresh(self._owners.version))

    def _has_turn(self, address: str, partition: str) -> bool:
        """Whether to ask. Where that was in vain, one of all that wait does so after each pause, for the others as well."""
        again_at, now = self._again_at.get((address, partition)), asyncio.get_running_loop().time()
        if again_at is None:
            return True
        if now < again_at:
            return False
        self._again_at[address, partition] = now + PAUSE_S
        return True

    async def _try(self, address: str, partition: str, request: Request) -> Reply | Outcome:
        """A node's answer as the owner, or why there is none."""
        outcome: Outcome = "answered"
        try:
            reply = await self._ask(address, partition, request)
        except _NEVER_SENT:
            outcome = "unreachable"
        except _Moved:
            outcome = "moved"
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            outcome = "broken"
            _log.info("forwarding broke off", partition=partition, to=address, error=str(error) or type(error).__name__)
        else:
            if _is_not_mine(reply):
                outcome = "not_mine"
        self.counts[outcome] += 1
        if outcome in ("unreachable", "not_mine"):
            self._again_at[address, partition] = asyncio.get_running_loop().time() + PAUSE_S
        else:
            self._again_at.pop((address, partition), None)
        return reply if outcome == "answered" else outcome

    async def _ask(self, address: str, partition: str, request: Request) -> Reply:
        """The answer of one node, as long as it is the owner."""
        asking = asyncio.ensure_future(self.send(address, request))
        try:
            while not (await asyncio.wait([asking], timeout=LOOK_S))[0]:
                looking = asyncio.ensure_future(self._owners.refresh(self._owners.version))
                await asyncio.wait([asking, looking], return_when=asyncio.FIRST_COMPLETED)
                if not asking.done() and self._owners.of(partition) != address:
                    raise _Moved
            return asking.result()
        finally:
            asking.cancel()

    async def send(self, address: str, request: Request) -> Reply:
        """One node's answer, whatever it is; raises aiohttp.ClientError (also where no node answers), OSError or TimeoutError."""
        limits = aiohttp.ClientTimeout(total=request.limit_s, sock_connect=CONNECT_S)
        async with self._request(address, request, request.body or None, limits) as response:
            if not _is_a_nodes(response):
                raise aiohttp.ClientError(f"what answers at {address}, with {response.status}, is no node")
            body = await response.read()
        kept = {name.lower(): value for name, value in response.headers.items() if name.lower() not in _OWN_HEADERS}
        return Reply(response.status, kept, body, response.headers.get("content-type", ""))

    def _request(
        self, address: str, request: Request, body: bytes | AsyncIterator[bytes] | None, limits: aiohttp.ClientTimeout
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        url = URL(f"http://{address}{request.target}", encoded=True)
        headers = [*request.headers, (FORWARDED_BY.decode(), self.mark)]
        return self._session.request(request.method, url, data=body, headers=headers, allow_redirects=False, timeout=limits)


@asynccontextmanager
async def open_peers(address: str, owners: Owners, mark: str) -> AsyncIterator[Peers]:
    """The nodes that share the log of this mark."""
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE_S),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        max_field_size=HEADER_BYTES_MAX,
        skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
    ) as session:
        yield Peers(address, owners, mark, session)


def _is_a_nodes(response: aiohttp.ClientResponse) -> bool:
    """Whether it is the answer of a node to a request that it has read: of an address that is wrong nothing goes to a client."""
    return "request-id" in response.headers


def _is_not_mine(reply: Reply) -> bool:
    return reply.status == 503 and reply.media_type == MEDIA_TYPE and orjson.loads(reply.body)["code"] in NOT_MINE
