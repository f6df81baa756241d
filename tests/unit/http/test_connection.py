"""What one client may hold of a process: one that is too slow is cut, one that sends too much refused; the others are served."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import orjson
import pytest
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from infra.http import connection
from infra.http.connection import Connection, State

CHUNK = b"x" * 100_000
SHORT_S, LONG_S = 0.3, 60.0
GET = b"GET / HTTP/1.1\r\nHost: t\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 1000000\r\n\r\n"


class Endless:
    """An app that sends for as long as somebody listens."""

    def __init__(self) -> None:
        self.ended = asyncio.Event()

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        await receive()
        sending = asyncio.create_task(self._send(send))
        assert (await receive())["type"] == "http.disconnect"
        sending.cancel()
        self.ended.set()

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while True:
            await send({"type": "http.response.body", "body": CHUNK, "more_body": True})


class Counting:
    """An app that reads a body to its end and answers with its size; ``given_up`` counts the bodies that did not end. It begins
    to read, and to answer, while ``reading`` and ``going_on`` are set.
    """

    def __init__(self) -> None:
        self.given_up = 0
        self.reading, self.going_on = asyncio.Event(), asyncio.Event()
        self.reading.set()
        self.going_on.set()

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        size, more = 0, True
        await self.reading.wait()
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.given_up += 1
                return
            size, more = size + len(message["body"]), message["more_body"]
        await self.going_on.wait()
        body = b"%d " % size
        headers = [(b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks are frequent, limits long: a test shortens its own."""
    monkeypatch.setattr(connection, "LOOK_S", SHORT_S / 3)
    for limit in ("HEAD_S", "BODY_S", "STALLED_S"):
        monkeypatch.setattr(connection, limit, LONG_S)


def serving(app: ASGIApp, client: Callable[[int], Awaitable[None]], state: State | None = None) -> None:
    """Run the client against the app, which is served on the port that it is given."""

    async def both() -> None:
        server = uvicorn.Server(
            uvicorn.Config(app, host="127.0.0.1", port=0, http=Connection, lifespan="off", log_config=None, ws="none")
        )
        server.server_state = state or server.server_state
        task = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        try:
            await asyncio.wait_for(client(server.servers[0].sockets[0].getsockname()[1]), 20)
        finally:
            server.should_exit = server.force_exit = True
            await task

    asyncio.run(both())


async def connected(port: int, sent: bytes) -> socket.socket:
    client = socket.socket()
    client.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(client, ("127.0.0.1", port))
    await loop.sock_sendall(client, sent)
    return client


@asynccontextmanager
async def streams(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def trickle(port: int, first: bytes, again: bytes) -> bytes:
    """Send ``again`` over and over until the server closes the connection; gives what it answered."""
    async with streams(port) as (reader, writer):
        answer = asyncio.ensure_future(reader.read())
        writer.write(first)
        while not answer.done():
            writer.write(again)
            await asyncio.wait([answer], timeout=SHORT_S / 10)
        try:
            return answer.result()
        except ConnectionResetError:
            return b""


def problem(answer: bytes) -> tuple[int, str]:
    """Status and code."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head
    found = orjson.loads(body)
    assert int(head.split()[1]) == found["status"]
    return found["status"], found["code"]


def test_a_server_that_ends_closes_each_connection_with_its_answer() -> None:
    state = State()

    async def asks_twice(port: int) -> None:
        async with streams(port) as (reader, writer):
            writer.write(GET)
            assert b"connection: close" not in await reader.readuntil(b"\r\n\r\n")
            assert await reader.readexactly(2) == b"0 "
            # when the server is told to end, and a request still comes
            state.ending = True
            writer.write(GET)
            # then it is answered, and the connection closed
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
            assert (b"connection: close" in head, body) == (True, b"0 ")

    serving(Counting(), asks_twice, state)


def test_a_client_that_reads_nothing_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    app = Endless()

    async def reads_nothing(port: int) -> None:
        with await connected(port, GET):
            await app.ended.wait()

    monkeypatch.setattr(connection, "STALLED_S", SHORT_S)
    serving(app, reads_nothing)


def test_a_client_that_reads_now_and_then_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    app = Endless()

    async def reads_slowly(port: int) -> None:
        loop = asyncio.get_running_loop()
        with await connected(port, GET) as client:
            until, read = loop.time() + 5 * SHORT_S, 0
            while loop.time() < until or read < 20_000_000:
                read += len(await loop.sock_recv(client, 1_000_000))
                await asyncio.sleep(0.01)
            assert not app.ended.is_set()

    monkeypatch.setattr(connection, "STALLED_S", 3 * SHORT_S)
    serving(app, reads_slowly)


@pytest.mark.parametrize(
    ("first", "again"),
    [
        pytest.param(b"", b"", id="nothing"),
        pytest.param(b"", b"\r\n", id="empty lines"),
        pytest.param(GET, b"", id="no second request"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: t\r\nA: ", b"a", id="a head without an end"),
    ],
)
def test_a_request_is_not_awaited_for_ever(monkeypatch: pytest.MonkeyPatch, first: bytes, again: bytes) -> None:
    async def sends_nothing_whole(port: int) -> None:
        assert (await trickle(port, first, again)).count(b"HTTP/1.1") == (first == GET)

    monkeypatch.setattr(connection, "HEAD_S", SHORT_S)
    serving(Counting(), sends_nothing_whole)


def test_a_body_that_comes_byte_by_byte_is_cut_and_the_app_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    app = Counting()

    async def trickles(port: int) -> None:
        assert await trickle(port, POST, b"x") == b""
        while not app.given_up:
            await asyncio.sleep(0.01)

    monkeypatch.setattr(connection, "BODY_S", SHORT_S)
    serving(app, trickles)


def test_a_body_that_comes_steadily_is_not_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    async def sends_steadily(port: int) -> None:
        async with streams(port) as (reader, writer):
            writer.write(POST)
            for _ in range(100):
                writer.write(b"x" * 10_000)
                await asyncio.sleep(SHORT_S / 20)
            assert (await reader.readuntil(b"1000000 ")).startswith(b"HTTP/1.1 200")

    monkeypatch.setattr(connection, "BODY_S", SHORT_S)
    serving(Counting(), sends_steadily)


def test_an_answer_may_take_longer_than_a_request(monkeypatch: pytest.MonkeyPatch) -> None:
    app = Counting()

    async def waits(port: int) -> None:
        app.going_on.clear()
        async with streams(port) as (reader, writer):
            writer.write(GET + GET)
            await asyncio.sleep(4 * SHORT_S)
            app.going_on.set()
            await reader.readuntil(b"\r\n\r\n0 ")
            await reader.readuntil(b"\r\n\r\n0 ")

    monkeypatch.setattr(connection, "HEAD_S", SHORT_S)
    monkeypatch.setattr(connection, "BODY_S", SHORT_S)
    serving(app, waits)


def test_a_body_that_the_app_does_not_read_is_not_awaited(monkeypatch: pytest.MonkeyPatch) -> None:
    app = Counting()

    async def waits(port: int) -> None:
        app.reading.clear()
        async with streams(port) as (reader, writer):
            writer.write(POST + b"x")
            await asyncio.sleep(4 * SHORT_S)
            app.reading.set()
            writer.write(b"x" * 999_999)
            await reader.readuntil(b"\r\n\r\n1000000 ")

    monkeypatch.setattr(connection, "BODY_S", SHORT_S)
    serving(app, waits)


@pytest.mark.parametrize(
    ("first", "again", "expected"),
    [
        pytest.param(b"GET / HTTP/1.1\r\nHost: t\r\n" + b"a: b\r\n" * 200 + b"\r\n", b"", (431, "head-too-large"), id="lines"),
        pytest.param(b"GET / HTTP/1.1\r\nA: ", b"a" * 10_000, (431, "head-too-large"), id="a long line"),
        pytest.param(b"GET / HTTP/1.1\r\nA: " + b"a" * 70_000 + b"\r\n\r\n", b"", (431, "head-too-large"), id="one piece"),
        pytest.param(b"GET /", b"a" * 10_000, (431, "head-too-large"), id="a long path"),
        pytest.param(POST.replace(b"Content-Length: 1000000", b"Transfer-Encoding: chunked") + b"0\r\n", b"a: b\r\n" * 200,
                     (431, "head-too-large"), id="lines behind a body"),
        pytest.param(b"no HTTP\r\n\r\n", b"", (400, "bad-request"), id="no HTTP"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_request_is_refused(first: bytes, again: bytes, expected: tuple[int, str]) -> None:
    async def sends(port: int) -> None:
        async with streams(port) as (reader, writer):
            writer.write(first)
            while again and not reader.at_eof() and not reader._buffer:  # type: ignore[attr-defined]
                writer.write(again)
                await asyncio.sleep(0.001)
            assert problem(await reader.read()) == expected

    serving(Counting(), sends)


def test_requests_that_are_sent_ahead_are_answered_in_order_and_not_all_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are 2 MB; kept are no more than come in one piece, which is at most 256 KiB."""
    most = 0
    resume = Connection.on_response_complete

    def watched(self: Connection) -> None:
        nonlocal most
        resume(self)
        most = max(most, len(self.pipeline))

    async def sends_ahead(port: int) -> None:
        filler = b"x" * 1000
        sent = [
            b"POST / HTTP/1.1\r\nA: %b\r\nContent-Length: %d\r\n\r\n%b" % (filler, n % 10, filler[: n % 10]) for n in range(2000)
        ]
        async with streams(port) as (reader, writer):
            writer.write(b"".join(sent))
            for n in range(len(sent)):
                await reader.readuntil(b"\r\n\r\n%d " % (n % 10))

    monkeypatch.setattr(Connection, "on_response_complete", watched)
    serving(Counting(), sends_ahead)
    assert 0 < most < 300


def test_one_connection_too_many_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    async def connects(port: int) -> None:
        async with streams(port) as (first, writer):
            writer.write(GET)
            await first.readuntil(b"\r\n\r\n0 ")
            async with streams(port) as (second, _):
                assert problem(await second.read()) == (503, "too-many-connections")
            writer.write(GET)
            await first.readuntil(b"\r\n\r\n0 ")

    monkeypatch.setattr(connection, "connections_max", lambda: 1)
    serving(Counting(), connects)
