"""Clients that mean harm, or are broken, against both APIs: a process stays small, answers all others, and does what it was sent
whole.

What one connection may do is tried in tests/unit/http/test_connection.py; here it is many at once, on real processes.
"""

from __future__ import annotations

import asyncio
import resource
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import orjson
import psutil
import pytest

from infra.ledger_client import LedgerClient
from tests.faults.acknowledged import Receipt, Receipts
from tests.faults.deployment import Deployment
from tests.faults.load import CLOCK, open_shop
from tests.faults.outage import reachable, running
from tests.faults.plain_reader import find, partitions
from tests.faults.raw import answer, ask, connected, request
from tests.integration.kafka.support import until

MEGABYTE = 1_000_000
IDLE = 10_000
# Enough for the parts of as many connections as are opened here, far from what they send.
GROWTH_MAX = 200 * MEGABYTE
# Meanwhile others are answered in less.
PROMPT_S = 5.0
CUT_LIMIT_S = 60.0

pytestmark = [pytest.mark.slow, pytest.mark.postgres]


@dataclass(frozen=True)
class Api:
    """One of the two; ``reads`` is a path that it answers with success."""

    port: int
    key: str
    reads: str
    process: psutil.Process

    async def assert_prompt(self) -> None:
        """A request on a connection of its own is answered as ever."""
        async with asyncio.timeout(PROMPT_S):
            assert (await ask(self.port, request("GET", self.reads, self.key))).status == 200

    @asynccontextmanager
    async def bounded(self) -> AsyncIterator[None]:
        """Meanwhile the process stays small, and in the end others are answered."""
        before = self.process.memory_info().rss
        yield
        assert self.process.memory_info().rss - before < GROWTH_MAX
        await self.assert_prompt()


@dataclass(frozen=True)
class Abused:
    deployment: Deployment
    commands: Api
    queries: Api


@pytest.fixture(scope="module")
def abused() -> Iterator[Abused]:
    folder = Path(tempfile.mkdtemp(prefix="sl-"))
    try:
        with running(folder, "embedded") as (deployment, queries_url):
            key = deployment.running.tenant_key("shop")
            asyncio.run(_opened(deployment.running.url, key))
            deployment.wait(lambda: reachable(f"{queries_url}/v1/prices", Authorization=f"Bearer {key}"), "the key is not known")
            commands, queries = (int(url.rpartition(":")[2]) for url in (deployment.running.url, queries_url))
            yield Abused(
                deployment,
                Api(commands, key, f"/v1/test-clocks/{CLOCK}", _listening(commands)),
                Api(queries, key, "/v1/prices", _listening(queries)),
            )
    finally:
        shutil.rmtree(folder)


@pytest.fixture(params=["commands", "queries"])
def api(abused: Abused, request: pytest.FixtureRequest) -> Api:
    return abused.commands if request.param == "commands" else abused.queries


async def _opened(url: str, key: str) -> None:
    async with LedgerClient(url, key) as client:
        await open_shop(client)


def _listening(port: int) -> psutil.Process:
    for child in psutil.Process().children(recursive=True):
        if any(each.laddr.port == port and each.status == psutil.CONN_LISTEN for each in child.net_connections("tcp")):
            return child
    raise AssertionError(f"nobody listens on {port}")


def test_large_bodies_are_refused_before_they_are_sent(api: Api) -> None:
    async def send() -> None:
        async with api.bounded(), AsyncExitStack() as stack:
            for _ in range(100):
                reader, writer = await stack.enter_async_context(connected(api.port))
                writer.write(request("POST", "/v1/customers", api.key, Content_Length=str(10 * MEGABYTE)))
                refused = await answer(reader)
                assert (refused.status, refused.body["code"]) == (413, "body-too-large")

    asyncio.run(send())


def test_large_bodies_of_unknown_size_are_not_kept(api: Api) -> None:
    async def send_10_mb() -> None:
        chunk = b"%x\r\n" % MEGABYTE + bytes(MEGABYTE) + b"\r\n"
        async with connected(api.port) as (reader, writer):
            head = request("POST", "/v1/customers", api.key).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
            writer.write(head)
            for _ in range(10):
                writer.write(chunk)
            writer.write(b"0\r\n\r\n")
            assert (await answer(reader)).status in (405, 413)  # queries take none at all
            await writer.drain()

    async def send() -> None:
        async with api.bounded():
            await asyncio.gather(*(send_10_mb() for _ in range(40)))

    asyncio.run(send())


@contextmanager
def idle_connections(port: int, count: int) -> Iterator[list[socket.socket]]:
    with ExitStack() as stack:
        yield [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(count)]


def test_ten_thousand_idle_connections_leave_the_others_alone(api: Api) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most < IDLE + 1000:
        pytest.skip(f"a process may open {most} files here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))

    async def idle() -> None:
        files = api.process.num_fds()
        async with api.bounded():
            with idle_connections(api.port, IDLE):
                until(lambda: api.process.num_fds() >= files + IDLE // 2, limit_s=CUT_LIMIT_S)  # the first may be cut by now
                await api.assert_prompt()
                # and they are not kept for ever
                until(lambda: api.process.num_fds() < files + 100, limit_s=CUT_LIMIT_S)

    asyncio.run(idle())


def test_a_process_without_files_left_serves_those_that_it_has_and_does_not_spin(abused: Abused) -> None:
    api, process = abused.commands, abused.commands.process
    limits = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)

    async def exhaust() -> None:
        async with connected(api.port) as (reader, writer):
            writer.write(request("GET", "/healthz"))
            await answer(reader)
            resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (process.num_fds() + 20, limits[1]))
            with idle_connections(api.port, 200):
                with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                    await ask(api.port, request("GET", "/healthz"))
                used = sum(process.cpu_times()[:2])
                await asyncio.sleep(2.0)
                assert sum(process.cpu_times()[:2]) - used < 1.0
                writer.write(request("POST", "/v1/customers", api.key, {"storefront": "web"}, Idempotency_Key="no-files"))
                assert (await answer(reader)).status == 201

    try:
        asyncio.run(exhaust())
    finally:
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, limits)
    asyncio.run(api.assert_prompt())


def test_a_command_whose_client_leaves_is_done_whole_or_not_at_all(abused: Abused) -> None:
    api = abused.commands

    def sent(number: int) -> bytes:
        body = {"storefront": "web", "external_id": f"left-{number}"}
        return request("POST", "/v1/customers", api.key, body, Idempotency_Key=f"left-{number}")

    async def leave(number: int) -> None:
        async with connected(api.port) as (_, writer):
            writer.write(sent(number))
            await asyncio.sleep(number / 50_000)  # some are gone before they are read, some while they are committed

    async def come_back(number: int, receipts: Receipts) -> None:
        got = await ask(api.port, sent(number))
        assert got.status == 201
        receipts[f"left-{number}"] = {Receipt(**got.body["receipt"])}

    async def leave_and_come_back() -> Receipts:
        receipts: Receipts = {}
        await asyncio.gather(*(leave(number) for number in range(300)))
        await asyncio.gather(*(come_back(number, receipts) for number in range(300)))
        return receipts

    receipts = asyncio.run(leave_and_come_back())
    assert len(receipts) == 300
    # each is in the log once, and nothing waits any more for a client that is gone
    find(partitions(abused.deployment.running.settings), receipts)
    assert "subledger_commands_waiting 0.0" in httpx.get(f"{abused.deployment.running.url}/metrics").text


def test_many_who_follow_the_feed_and_read_nothing(abused: Abused) -> None:
    api = abused.queries
    _register(abused.commands, 400)
    events = f"http://127.0.0.1:{api.port}/v1/events"
    authorized = {"Authorization": f"Bearer {api.key}"}
    until(lambda: httpx.get(f"{events}?after=0&limit=300", headers=authorized).json()["has_more"], limit_s=60)

    async def follow() -> None:
        async with api.bounded(), AsyncExitStack() as stack:
            for _ in range(50):
                _, writer = await stack.enter_async_context(connected(api.port))
                writer.transport.pause_reading()  # type: ignore[attr-defined]
                writer.write(request("GET", "/v1/events?after=0", api.key, Accept="text/event-stream"))
            await asyncio.gather(*(api.assert_prompt() for _ in range(20)))

    asyncio.run(follow())


def _register(api: Api, count: int) -> None:
    """So many customers, by a batch that can be sent before it is read."""
    lines = [
        {
            "idempotency_key": f"many-{number}",
            "path": "/v1/customers",
            "body": {"storefront": "web", "external_id": f"many-{number}"},
        }
        for number in range(count)
    ]
    headers = {"Authorization": f"Bearer {api.key}", "Content-Type": "application/x-ndjson"}
    url, body = f"http://127.0.0.1:{api.port}/v1/commands:batch", b"\n".join(map(orjson.dumps, lines))
    answered = httpx.post(url, content=body, headers=headers, timeout=60)
    assert {orjson.loads(line)["status"] for line in answered.text.splitlines()} == {201}
