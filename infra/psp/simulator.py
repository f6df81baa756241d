"""The payment provider of sandboxes: outcomes scripted by the token (``infra.psp.script``), a durable book of its own.

A key with the same parameters always gives its first final outcome. A key with other parameters gives Unknown, moves no money,
and is counted in the book and logged: real providers answer 400 there, but money may already have been taken under that key, so
that Declined would invite a second charge. Unknown stops the payment until somebody looks; a ledger that works never meets it.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import structlog

from commands.ports import ChargeOutcome, Unknown
from domain.money import Money
from infra.psp.book import Book, BookWriter, Request, read_book

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Call:
    request: Request
    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[ChargeOutcome]


class Simulator:
    """A gateway whose book is the SQLite file ``path``. ``latency_s`` is waited before each call, as a network would.

    Any event loop and thread may call it. One worker thread enters all calls that wait in one transaction: a commit waits for the
    disk (0.3 ms and more), which neither blocks a loop nor is paid for each charge.
    """

    def __init__(self, path: Path, *, latency_s: float = 0.0) -> None:
        self._path = path
        self._latency_s = latency_s
        self._writer = BookWriter(path)
        self._waiting: deque[_Call] = deque()
        self._called = False  # whether the worker will look at what waits
        self._worker = ThreadPoolExecutor(1, "simulator")

    async def charge(self, *, key: str, token: str, account: str, amount: Money) -> ChargeOutcome:
        """Charge as the token scripts it, once for each key."""
        if self._latency_s:
            await asyncio.sleep(self._latency_s)
        loop = asyncio.get_running_loop()
        call = _Call(Request(key, account, token, amount), loop, loop.create_future())
        self._waiting.append(call)
        if not self._called:
            self._called = True
            self._worker.submit(self._serve)
        return await call.answer

    def book(self) -> Book:
        """All that was charged so far. Reads the whole file."""
        return read_book(self._path)

    def close(self) -> None:
        """Answer what waits, then close the book."""
        self._worker.shutdown()
        self._writer.close()

    def _serve(self) -> None:
        """Answer all that waits."""
        self._called = False  # before the look: what comes after it calls anew
        calls = [self._waiting.popleft() for _ in range(len(self._waiting))]
        answers: Sequence[ChargeOutcome | Exception]
        try:
            answers = self._enter([call.request for call in calls])
        except Exception as error:
            answers = [error] * len(calls)
        by_loop: dict[asyncio.AbstractEventLoop, list[tuple[_Call, ChargeOutcome | Exception]]] = {}
        for call, answer in zip(calls, answers, strict=True):
            by_loop.setdefault(call.loop, []).append((call, answer))
        for loop, answered in by_loop.items():
            if not loop.is_closed():
                loop.call_soon_threadsafe(_deliver, answered)

    def _enter(self, requests: Sequence[Request]) -> Sequence[ChargeOutcome]:
        """The answers; Unknown to all where the book cannot be written: a provider that is down."""
        try:
            return self._writer.enter(requests)
        except sqlite3.Error as error:
            _log.error("simulator_down", error=error, calls=len(requests))
            return [Unknown()] * len(requests)


def _deliver(answered: Sequence[tuple[_Call, ChargeOutcome | Exception]]) -> None:
    for call, answer in answered:
        if call.answer.done():
            continue  # its caller has given up
        if isinstance(answer, Exception):
            call.answer.set_exception(answer)
        else:
            call.answer.set_result(answer)
