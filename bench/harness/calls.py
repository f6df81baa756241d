"""What clients sent and were told, and whether the log agrees: every call is taken down on its way, and the checker of whole
histories, which shares nothing with the ledger, judges them.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from itertools import cycle

import aiohttp
import httpx
import orjson

from bench.harness.nodes import Cluster
from bench.harness.result import Line, Target, told
from subledger_client.session import TIMEOUT_S
from tests.checker import logs
from tests.checker.check import check
from tests.checker.history import Call, History

_SHOWN_MAX = 5


class Recording(httpx.AsyncBaseTransport):
    """Sends each request to the next of these addresses, as a name does that has several, and adds it with its answer to
    ``calls``: where nobody listens at one, the one after it is tried at once, as `socket.create_connection` does. It holds as
    many connections as there are requests under way, by a client that takes less time than httpx's own.
    """

    def __init__(self, addresses: Sequence[str], tenant: str, calls: list[Call]) -> None:
        self._others = len(addresses) - 1
        self._next = cycle(addresses)
        self._tenant = tenant
        self._calls = calls
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(TIMEOUT_S), cookie_jar=aiohttp.DummyCookieJar()
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        begin, status, answer = time.monotonic(), None, None
        try:
            async with await self._connected(request) as response:
                content = await response.read()
            answer, status = orjson.loads(content), response.status
            return httpx.Response(status, headers=response.headers, content=content)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise httpx.NetworkError(str(error) or type(error).__name__) from error
        finally:
            self._calls.append(Call(
                client="bench", begin=begin, end=time.monotonic(), method=request.method, path=request.url.path,
                tenant=self._tenant, status=status, key=request.headers["idempotency-key"], body=orjson.loads(request.content),
                answer=answer,
            ))  # fmt: skip

    async def _connected(self, request: httpx.Request) -> aiohttp.ClientResponse:
        """The response of the first that listens; raises aiohttp.ClientError or TimeoutError."""
        for _ in range(self._others):
            with suppress(aiohttp.ClientConnectorError):
                return await self._send(request)
        return await self._send(request)

    async def _send(self, request: httpx.Request) -> aiohttp.ClientResponse:
        url = f"http://{next(self._next)}{request.url.path}"
        return await self._session.request(request.method, url, data=request.content, headers=request.headers.multi_items())

    async def aclose(self) -> None:
        await self._session.close()


def judged(cluster: Cluster, calls: Sequence[Call], what: str) -> Line:
    """How many promises were broken: acknowledged commands that are not in the log, not once, or not in the order of the
    answers, and whatever else the checker finds.
    """
    records = logs.from_kafka(cluster.bootstrap, cluster.settings.environment)
    found = check(History(records=records, calls=calls, secret=cluster.settings.secret_bytes))
    for violation in found[:_SHOWN_MAX]:
        told(str(violation))
    acknowledged = len({call.key for call in calls if call.acknowledged})
    return Line(
        f"{what}: lost, twice or out of order, of {acknowledged:,} acknowledged", len(found), "", target=Target("figure", "<", 1)
    )
