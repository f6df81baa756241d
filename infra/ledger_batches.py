"""Many commands in few requests, for a client that has many to send: those that wait go together, a line each.

Each is answered by itself, as if it had been sent alone, and until it is: what a broken connection left without an answer, and
what could not be done for now, goes again under its key.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import orjson

from infra.ledger_client import Later, LedgerClient, LedgerUnreachable, Refused, Reply, judged

# Enough to keep the ledger busy while answers are on their way; who posts one after the other has to post so many at once.
REQUESTS = 4
LINES = 100


@dataclass(slots=True, eq=False)
class _Line:
    """A command; ``begun`` is when it was first sent (monotonic), after ``tries`` that came to nothing."""

    text: bytes
    min_position: str
    answer: asyncio.Future[Reply]
    begun: float = 0.0
    tries: int = 0

    def fail(self, error: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)


class LedgerBatches:
    """Posts through a client's batches; those that wait for each other's answer come in that order, others in any."""

    def __init__(self, client: LedgerClient) -> None:
        self._client = client
        self._waiting: deque[_Line] = deque()
        self._posted = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        for _ in range(REQUESTS):
            self._run(self._send())
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def post(self, path: str, body: Mapping[str, Any], key: str, *, min_position: str = "", if_match: str = "") -> Reply:
        """Send a command until it is answered; raises Refused or LedgerUnreachable."""
        matching = {"if_match": if_match} if if_match else {}
        text = orjson.dumps({"idempotency_key": key, "path": path, "body": body, **matching})
        line = _Line(text, min_position, asyncio.get_running_loop().create_future())
        self._put(line)
        return await line.answer

    def _put(self, line: _Line) -> None:
        self._waiting.append(line)
        self._posted.set()

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send(self) -> None:
        while True:
            await self._posted.wait()
            lines = self._take()
            try:
                await self._send_once(lines)
            except Exception as error:  # who posted is told
                for line in lines:
                    line.fail(error)

    def _take(self) -> list[_Line]:
        """Those that wait, as many as fit into a batch, which has one minimal position."""
        lines: list[_Line] = []
        while self._waiting and len(lines) < LINES and self._waiting[0].min_position == (lines or self._waiting)[0].min_position:
            lines.append(self._waiting.popleft())
        if not self._waiting:
            self._posted.clear()
        return lines

    async def _send_once(self, lines: Sequence[_Line]) -> None:
        left = dict(enumerate(lines, 1))

        def answered(result: Mapping[str, Any]) -> None:
            line = left.pop(result["line"])
            try:
                found = judged(result["status"], result["body"], result["headers"])
            except Refused as refused:
                line.fail(refused)
                return
            if isinstance(found, Later):
                self._run(self._put_again(line, found))
            elif not line.answer.done():
                line.answer.set_result(found)

        for line in lines:
            line.begun = line.begun or time.monotonic()
        later = await self._client.batch([line.text for line in lines], lines[0].min_position, answered)
        for line in left.values():
            self._run(self._put_again(line, later or Later("the batch ended without its result")))

    async def _put_again(self, line: _Line, later: Later) -> None:
        try:
            await self._client.wait(later, line.begun, line.tries)
        except LedgerUnreachable as unreachable:
            line.fail(unreachable)
        else:
            line.tries += 1
            self._put(line)
