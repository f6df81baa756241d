"""HTTP by hand: a connection for each request, so that a thousand of them can arrive at once, and bad ones can be sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import orjson

LIMIT_S = 60.0


@dataclass(frozen=True, slots=True)
class Answered:
    """``headers`` have small letters."""

    status: int
    headers: Mapping[str, str]
    body: Any


def request(method: str, path: str, key: str = "", body: object = None, **headers: str) -> bytes:
    """A request with an API key; underscores in the headers' names stand for hyphens."""
    content = b"" if body is None else orjson.dumps(body)
    given = {"Host": "ledger", "Content-Length": str(len(content)), "Content-Type": "application/json"}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    if key:
        given["Authorization"] = f"Bearer {key}"
    lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
    return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + content


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection, broken off in the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def answer(reader: asyncio.StreamReader) -> Answered:
    """The next answer on a connection."""
    async with asyncio.timeout(LIMIT_S):
        status, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().rstrip().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines)
        content = await reader.readexactly(int(headers["content-length"]))
    return Answered(int(status.split()[1]), headers, orjson.loads(content))


async def ask(port: int, sent: bytes) -> Answered:
    """One request on a connection of its own."""
    async with connected(port) as (reader, writer):
        writer.write(sent)
        return await answer(reader)
