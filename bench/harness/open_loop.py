"""An open loop: requests leave when they are due, whatever became of those before them, and are timed from then.

A closed loop, such as wrk's, sends less while the server is slow, and so leaves out the very waits that it is to measure
(coordinated omission). Here a request that finds no free connection waits for one, and the wait counts.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit

import uvloop

PATIENCE_S = 60.0
# Requests that fall due within so long leave together: a timer for each would cost as much as sending it.
_TICK_S = 0.001
_HEAD_END = b"\r\n\r\n"
_LENGTH = b"content-length: "


@dataclass(frozen=True, slots=True)
class Step:
    """A rate that is kept for some time."""

    per_second: float
    seconds: float


@dataclass(slots=True)
class Sent:
    """A request: its idempotency ``key``, when it was due and when its answer was there, in seconds from the beginning; status 0
    where none came.
    """

    key: str
    due_s: float
    answered_s: float = 0.0
    status: int = 0

    @property
    def latency_ms(self) -> float:
        return 1000 * (self.answered_s - self.due_s)


@dataclass(frozen=True, slots=True)
class Posts:
    """What is sent: ``path`` and ``body`` once for each of ``values``, over and over, where the text ``{}`` becomes the value."""

    path: str
    token: str
    values: Sequence[str]
    body: str
    keys: str

    def request(self, host: str, sent: Sent, number: int) -> bytes:
        value = self.values[number % len(self.values)]
        body = self.body.replace("{}", value)
        head = (
            f"POST {self.path.replace('{}', value)} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {self.token}\r\n"
            f"Idempotency-Key: {sent.key}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return (head + body).encode()


def percentile(sent: Sequence[Sent], percent: int) -> float:
    """The latency in milliseconds that so many of a hundred do not exceed."""
    latencies = sorted(each.latency_ms for each in sent)
    return latencies[min(len(latencies) - 1, len(latencies) * percent // 100)]


def send(url: str, posts: Posts, steps: Iterable[Step], *, connections: int = 64, seed: int = 1) -> list[Sent]:
    """Send at the rates of ``steps``, one after the other, at random intervals; gives what came of each request.

    A request whose connection ends, or that is not answered in a minute, has status 0.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_Loop(url, posts, connections).run(list(_due(steps, seed))))


def _due(steps: Iterable[Step], seed: int) -> Iterator[float]:
    """When each request is due, in seconds from the beginning."""
    chance, begin = random.Random(seed), 0.0
    for step in steps:
        at, end = begin, begin + step.seconds
        while (at := at + chance.expovariate(step.per_second)) < end:
            yield at
        begin = end


class _Loop:
    """Sends over as many connections as are needed, up to ``connections``, and no more than one request at a time on each."""

    def __init__(self, url: str, posts: Posts, connections: int) -> None:
        self._address = urlsplit(url)
        self._posts = posts
        self._left = connections
        self._idle: list[_Connection] = []
        self._waiting: deque[tuple[Sent, int]] = deque()
        self._unanswered = 0
        self._opening: set[asyncio.Task[None]] = set()

    async def run(self, due: Sequence[float]) -> list[Sent]:
        loop, sent = asyncio.get_running_loop(), list[Sent]()
        self._begun = loop.time()
        for number, at in enumerate(due):
            while (early_s := at - self.elapsed_s()) > 0:
                await asyncio.sleep(max(early_s, _TICK_S))
            sent.append(Sent(f"{self._posts.keys}-{number}", at))
            self._unanswered += 1
            self._send(sent[-1], number)
        patient_until = loop.time() + PATIENCE_S
        while self._unanswered and loop.time() < patient_until:
            await asyncio.sleep(_TICK_S)
        for connection in self._idle:
            connection.close()
        return sent

    def elapsed_s(self) -> float:
        return asyncio.get_running_loop().time() - self._begun

    def _send(self, sent: Sent, number: int) -> None:
        if self._idle:
            self._idle.pop().send(sent, self._posts.request(self._address.netloc, sent, number))
            return
        self._waiting.append((sent, number))
        if self._left > 0:
            self._left -= 1
            task = asyncio.get_running_loop().create_task(self._open())
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    async def _open(self) -> None:
        try:
            loop = asyncio.get_running_loop()
            await loop.create_connection(lambda: _Connection(self), str(self._address.hostname), self._address.port or 80)
        except OSError:
            self.lost(None)

    def free(self, connection: _Connection) -> None:
        """It has been made, or has had its answer."""
        if self._waiting:
            sent, number = self._waiting.popleft()
            connection.send(sent, self._posts.request(self._address.netloc, sent, number))
        else:
            self._idle.append(connection)

    def answered(self, sent: Sent, status: int) -> None:
        sent.answered_s, sent.status = self.elapsed_s(), status
        self._unanswered -= 1

    def lost(self, connection: _Connection | None) -> None:
        """A connection has ended, or could not be made: what waits goes over another one."""
        self._left += 1
        if connection in self._idle:
            self._idle.remove(connection)
        if self._waiting:
            self._send(*self._waiting.popleft())


class _Connection(asyncio.Protocol):
    """One request at a time. Of an answer the status and the length are looked at, no more."""

    def __init__(self, owner: _Loop) -> None:
        self._owner = owner
        self._sent: Sent | None = None
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by its class
        self._owner.free(self)

    def send(self, sent: Sent, request: bytes) -> None:
        self._sent = sent
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head_end = self._received.find(_HEAD_END)
        if self._sent is None or head_end < 0:
            return
        begin = self._received.index(_LENGTH) + len(_LENGTH)
        length = int(self._received[begin : self._received.index(b"\r", begin)])
        if len(self._received) < head_end + len(_HEAD_END) + length:
            return
        sent, self._sent = self._sent, None
        self._owner.answered(sent, int(self._received[9:12]))
        self._received = b""
        self._owner.free(self)

    def connection_lost(self, _: Exception | None) -> None:
        if self._sent is not None:
            self._owner.answered(self._sent, 0)
        self._owner.lost(self)

    def close(self) -> None:
        self._transport.close()
