"""What follows the feed in tests: a consumer that proves that it missed nothing, and a server with real connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from fastapi import FastAPI

from infra.http.connection import Connection
from queries.api import end_streams

CloudEvent = Mapping[str, Any]


class Missed(Exception):
    """Events were withheld."""


class Consumer:
    """Its state is the sequence of the last event of each partition, which it keeps together with what it makes of the events."""

    def __init__(self, last: Mapping[str, int] | None = None) -> None:
        self.last = dict(last or {})

    @property
    def cursor(self) -> str:
        """Where it goes on: its own state will do."""
        return ",".join(f"{partition}@{sequence}" for partition, sequence in self.last.items()) or "0"

    def take(self, events: Sequence[CloudEvent]) -> None:
        for event in events:
            partition, _, sequence = event["position"].partition("@")
            if int(event["previoussequence"]) != self.last.get(partition, 0):
                raise Missed(f"{event['previoussequence']} came before {event['position']}, not {self.last.get(partition, 0)}")
            self.last[partition] = int(sequence)


@asynccontextmanager
async def served(app: FastAPI) -> AsyncIterator[str]:
    """The app on a port of its own; its address."""
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=0, http=Connection, lifespan="on", log_config=None, ws="none")
    )
    serving = asyncio.create_task(server.serve())
    while not server.started:
        assert not serving.done()
        await asyncio.sleep(0.01)
    host, port = server.servers[0].sockets[0].getsockname()
    try:
        yield f"http://{host}:{port}"
    finally:
        end_streams(app)
        server.should_exit = True
        await serving
