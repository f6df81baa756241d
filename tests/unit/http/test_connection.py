"""A client that reads nothing is cut; one that reads is served, however long it takes."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from infra.http import connection
from infra.http.connection import Connection

CHUNK = b"x" * 100_000
STALLED_S = 0.3


class Endless:
    """An app that sends for as long as somebody listens."""

    def __init__(self) -> None:
        self.ended = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        await receive()
        sending = asyncio.create_task(self._send(send))
        assert (await receive())["type"] == "http.disconnect"
        sending.cancel()
        self.ended.set()

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while True:
            await send({"type": "http.response.body", "body": CHUNK, "more_body": True})


async def serving(client: Callable[[Endless, int], Awaitable[None]]) -> None:
    app = Endless()
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=0, http=Connection, lifespan="off", log_config=None, ws="none")
    )
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        await asyncio.wait_for(client(app, server.servers[0].sockets[0].getsockname()[1]), 20)
    finally:
        server.should_exit = server.force_exit = True
        await task


async def connected(port: int) -> socket.socket:
    client = socket.socket()
    client.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(client, ("127.0.0.1", port))
    await loop.sock_sendall(client, b"GET / HTTP/1.1\r\nHost: t\r\n\r\n")
    return client


def test_a_client_that_reads_nothing_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    async def reads_nothing(app: Endless, port: int) -> None:
        with await connected(port):
            await app.ended.wait()

    monkeypatch.setattr(connection, "STALLED_S", STALLED_S)
    asyncio.run(serving(reads_nothing))


def test_a_client_that_reads_now_and_then_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    async def reads_slowly(app: Endless, port: int) -> None:
        loop = asyncio.get_running_loop()
        with await connected(port) as client:
            until, read = loop.time() + 5 * STALLED_S, 0
            while loop.time() < until or read < 20_000_000:
                read += len(await loop.sock_recv(client, 1_000_000))
                await asyncio.sleep(0.01)
            assert not app.ended.is_set()

    monkeypatch.setattr(connection, "STALLED_S", STALLED_S)
    asyncio.run(serving(reads_slowly))
