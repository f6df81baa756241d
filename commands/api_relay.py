"""The part of a batch that another node owns: its lines are sent on as they come, in one request, and its results come back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from math import inf
from typing import Any

import orjson

from commands.api_forward import NOT_MINE, Headers, Peers, Request
from commands.ports import OutcomeUnknown, Unavailable

# Given a result as the owner made it, or why there is none.
Answered = Callable[[dict[str, Any] | Unavailable], None]


class Relays:
    """Those of one batch, whose ``headers`` they have: one to each node that owns something of it."""

    def __init__(self, peers: Peers, path: str, headers: Headers) -> None:
        self._peers = peers
        self._request = Request("POST", path, headers, b"", inf)
        self._relays: dict[str, Relay] = {}

    def to(self, partition: str) -> Relay:
        """The one to a partition's owner; while that is not known, one to whoever it will be."""
        owner = self._peers.owner(partition) or partition
        relay = self._relays.get(owner)
        if relay is None or not relay.open:
            relay = self._relays[owner] = Relay(self._peers, partition, self._request)
        return relay

    def end(self) -> None:
        """No more lines will come."""
        for relay in self._relays.values():
            relay.end()


class Relay:
    """One request to the owner of ``partition``; ``request`` is the batch's own, without its lines."""

    def __init__(self, peers: Peers, partition: str, request: Request) -> None:
        self.open = True
        self._peers = peers
        self._partition = partition
        self._request = request
        self._lines: list[bytes] = []
        self._sent = 0
        self._waiting: dict[int, Answered] = {}
        self._news = asyncio.Event()
        self._running = asyncio.get_running_loop().create_task(self._run())

    def send(self, line: bytes, answered: Answered) -> None:
        """Let a line go on, behind those before it; ``answered`` is called once."""
        assert self.open
        self._sent += 1
        self._waiting[self._sent] = answered
        self._lines.append(line)
        self._news.set()

    def end(self) -> None:
        """No more lines will come; what was sent is done all the same."""
        self.open = False
        self._news.set()

    async def _run(self) -> None:
        reason: Unavailable = OutcomeUnknown()
        try:
            rest = b""
            async for piece in self._peers.stream(self._partition, self._request, self._bodies()):
                *results, rest = (rest + piece).split(b"\n")
                for result in results:
                    self._take(orjson.loads(result))
        except Unavailable as unavailable:
            reason = unavailable
        finally:
            self.open = False
            for answered in list(self._waiting.values()):
                answered(reason)

    async def _bodies(self) -> AsyncIterator[bytes]:
        while True:
            while not self._lines:
                if not self.open:
                    return
                self._news.clear()
                await self._news.wait()
            lines, self._lines = self._lines, []
            yield b"\n".join(lines) + b"\n"

    def _take(self, result: dict[str, Any]) -> None:
        if result["status"] == 503 and result["body"].get("code") in NOT_MINE:
            self.open = False  # the next lines are for whoever is the owner by then
            self._news.set()
            self._peers.doubt()
        self._waiting.pop(result["line"])(result)
