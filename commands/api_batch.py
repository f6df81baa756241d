"""Many commands in one request: a line each, answered by a line each as soon as it is decided and committed.

Lines of one customer, and those of the catalog, are done in their order; lines of different customers side by side. A line is
read only while fewer than `LINES_MAX`, with less than `BYTES_MAX`, have no answer that was sent: who does not read is not read
from, and nothing piles up. Where the ledger has no place for a line it waits here: its sender is slowed down rather than refused.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import orjson
import structlog
from fastapi import FastAPI, Request
from pydantic import BaseModel
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from commands import api_docs, api_headers
from commands.api_desk import Desk
from commands.api_forward import Reply, headers_of, is_forwarded
from commands.api_front import RouteTable
from commands.api_lines import BatchLine, LineSplitter, find_route, read_line
from commands.api_refusals import problem_of
from commands.api_relay import Relay, Relays
from commands.api_route import Call, CommandRoute, Order
from commands.command import Command
from commands.ports import Answer, NotServed, QueueFull, Succession, Unavailable
from domain.errors import Refusal
from domain.ids import routing_hash
from infra.http.problems import Problem, internal_error, invalid, problem_json

PATH = "/v1/commands:batch"
MEDIA_TYPE = "application/x-ndjson"
# More than a node decides while a window commits; and what a client may send before it reads.
LINES_MAX = 500
BYTES_MAX = 4_000_000
# For so long lines are begun before others on the loop have their turn.
TURN_S = 0.005
# A line for which there is no place is offered again after so long.
NO_PLACE_S = 0.05
# Customers whose lines wait for an earlier one are remembered to the batch's end: not more of them than this.
QUEUES_MAX = 10_000

_EXAMPLE = {"idempotency_key": "order-1", "path": "/v1/customers", "body": {"storefront": "web", "external_id": "u-1001"}}
_MEDIA_TYPES = (MEDIA_TYPE, "application/ndjson", "application/jsonl")
_log = structlog.get_logger(__name__)


class BatchResult(BaseModel):
    """What the single route would have answered: its ``body`` is the resource, or the problem where the status is 400 or more.
    ``line`` counts from 1, blank ones too. ``headers`` have small letters.
    """

    line: int
    idempotency_key: str | None
    status: int
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass(slots=True)
class Line:
    """A line on its way, as far as it is understood."""

    number: int
    size: int
    key: str | None = None
    path: str = PATH


@dataclass(slots=True, eq=False)
class Task:
    """A line that can be submitted; ``text`` is what was sent, ``command`` there once it was submitted."""

    line: Line
    text: bytes
    route: CommandRoute[Any]
    call: Call[Any]
    order: Order
    command: Command | None = None


@dataclass(slots=True)
class Queue:
    """The lines of one customer, or the catalog's, that have no answer. ``held`` wait for ``answer_of``, which has to be known
    first, or for a place in the ledger's queue; ``submitted`` counts those that the ledger has, or another node by way of
    ``relay``.
    """

    succession: Succession = field(default_factory=Succession)
    submitted: int = 0
    relay: Relay | None = None
    answer_of: Task | None = None
    no_place: bool = False
    held: deque[Task] = field(default_factory=deque)

    @property
    def holds(self) -> bool:
        """Whether the next one has to wait here."""
        return self.answer_of is not None or self.no_place

    @property
    def idle(self) -> bool:
        return not self.submitted and not self.held and not self.succession.broken


class Batch:
    """The lines of one request: read, in the ledger's hands, or answered and to be sent."""

    def __init__(self, desk: Desk, routes: RouteTable, scope: Scope) -> None:
        self._desk = desk
        self._routes = routes
        self._headers = api_headers.read(scope["headers"])
        self._request_id: str = scope["state"]["request_id"]
        self._traceparent: str = scope["state"]["traceparent"]
        forwarded = is_forwarded(scope, desk.mark)
        self._relays = None if desk.peers is None or forwarded else Relays(desk.peers, PATH, headers_of(scope))
        self._denied: Problem | None = None
        self._queues: dict[str, Queue] = {}
        self._no_place: dict[str, deque[str]] = {}  # by partition, the scopes that have to wait
        self._results: list[tuple[Line, bytes]] = []
        self._unsent = self._unsent_bytes = 0
        self._all_read = False
        self._news = asyncio.Event()
        self._room = asyncio.Event()

    async def authorize(self) -> None:
        """Raises a Problem where the sender may not send commands (any more)."""
        self._sender = await self._desk.sender(self._headers, self._traceparent)

    async def run(self, receive: Receive, send: Send) -> None:
        """Read and answer until all is answered or the client is gone; what was submitted goes on without it."""
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._read(receive))
                both.create_task(self._write(send))
        except* ClientDisconnect:
            _log.info("batch cut off", unanswered=self._unsent)
        finally:
            if self._relays is not None:
                self._relays.end()

    async def _read(self, receive: Receive) -> None:
        splitter, more = LineSplitter(), True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            await self._authorize_again()
            await self._take_all(splitter.split(message.get("body", b"")))
            more = message.get("more_body", False)
        await self._take_all(splitter.end())
        self._all_read = True
        self._news.set()

    async def _authorize_again(self) -> None:
        """A batch may be long, and its key revoked meanwhile: then its further lines are answered so."""
        try:
            await self.authorize()
        except Problem as problem:
            self._denied = self._denied or problem

    async def _take_all(self, lines: Iterable[tuple[int, bytes | None]]) -> None:
        turn_ends = time.monotonic() + TURN_S
        for number, text in lines:
            while self._unsent >= LINES_MAX or self._unsent_bytes >= BYTES_MAX:
                self._room.clear()
                await self._room.wait()
            self._take(number, text)
            if time.monotonic() > turn_ends:
                await asyncio.sleep(0)
                turn_ends = time.monotonic() + TURN_S

    async def _write(self, send: Send) -> None:
        while not self._all_read or self._unsent:
            await self._news.wait()
            self._news.clear()
            results, self._results = self._results, []
            if results:
                body = b"".join([result for _, result in results])
                await send({"type": "http.response.body", "body": body, "more_body": True})
                self._unsent -= len(results)
                self._unsent_bytes -= sum([line.size for line, _ in results])
                self._room.set()
        await send({"type": "http.response.body", "body": b""})

    def _take(self, number: int, text: bytes | None) -> None:
        """Read a line and put it where it belongs."""
        line = Line(number, len(text or b""))
        self._unsent += 1
        self._unsent_bytes += line.size
        try:
            task = self._understand(line, text)
            scope = routing_hash(task.order.home) if task.order.home else ""
            queue = self._queues.get(scope)
            if queue is None:
                queue = self._open_queue(scope)
        except Exception as error:
            self._fail(line, error)
            return
        if queue.holds:
            queue.held.append(task)
        else:
            self._submit(scope, queue, task)

    def _understand(self, line: Line, text: bytes | None) -> Task:
        if self._denied is not None:
            raise self._denied
        given = read_line(text)
        line.key, line.path = given.idempotency_key, given.path
        route, path, id = find_route(self._routes, given.path)
        route.permit(self._sender.caller)
        call = self._desk.call(
            route,
            self._sender,
            path=path,
            id=id,
            value=given.body,
            key=given.idempotency_key,
            versions=None if given.if_match is None else api_headers.if_match({b"if-match": given.if_match.encode()}),
            matched=given.if_match is not None,
            reason=self._sender.reason if given.reason is None else api_headers.reason({b"ledger-reason": given.reason.encode()}),
        )
        return Task(line, text or b"", route, call, route.order(call))

    def _open_queue(self, scope: str) -> Queue:
        if len(self._queues) >= QUEUES_MAX:
            raise Unavailable("earlier_unavailable", "Too much of this batch was not done: begin another one with it.")
        queue = self._queues[scope] = Queue()
        return queue

    def _submit(self, scope: str, queue: Queue, task: Task) -> None:
        ledger, outcome = self._desk.ledger, task.order.outcome
        if queue.relay is not None:  # behind what is there already, whoever the owner is by now
            self._send_on(scope, queue, task, queue.relay)
            return
        try:
            task.command = task.command or self._desk.command(task.call, task.order)
            answer = ledger.submit(task.command, queue.succession)
        except QueueFull as full:
            self._wait_for_place(full.quota.partition, scope, queue, task)
            return
        except Exception as error:
            if isinstance(error, NotServed) and self._relays is not None:
                self._send_on(scope, queue, task, self._relays.to(error.partition))
            else:
                self._fail(task.line, error, queue)
            return
        queue.submitted += 1
        if outcome is not None or not ledger.decides_once:
            queue.answer_of = task
        # A task for each line would cost as much as reading it: only what waits for more than its commit has one.
        done = answer if outcome is None else self._desk.reply(task.route, task.order, answer)
        asyncio.ensure_future(done).add_done_callback(partial(self._done, scope, queue, task))

    def _send_on(self, scope: str, queue: Queue, task: Task, relay: Relay) -> None:
        if queue.succession.broken or not relay.open:
            self._fail(task.line, Unavailable("earlier_unavailable", "A command before it was not done: first that one."), queue)
            return
        queue.submitted += 1
        queue.relay = relay
        relay.send(task.text, partial(self._done_elsewhere, scope, queue, task))

    def _done_elsewhere(self, scope: str, queue: Queue, task: Task, result: dict[str, Any] | Unavailable) -> None:
        """The line's owner has answered it, or did not."""
        queue.submitted -= 1
        if not queue.submitted:
            queue.relay = None
        if isinstance(result, Unavailable):
            self._fail(task.line, result, queue)
        else:
            if result["status"] >= 400 and result["body"]["retryable"]:
                queue.succession.broken = True
            self._add(task.line, result | {"line": task.line.number})
        self._go_on(scope, queue)

    def _done(self, scope: str, queue: Queue, task: Task, done: asyncio.Future[Answer | Reply]) -> None:
        """It has its answer: let what was held behind it go on."""
        queue.submitted -= 1
        try:
            found = done.result()
            reply = found if isinstance(found, Reply) else self._desk.render(task.route, found)
        except Exception as error:
            self._fail(task.line, error, queue)
        else:
            self._answer(task.line, reply.status, reply.headers, reply.body)
        if queue.answer_of is task:
            queue.answer_of = None
        self._go_on(scope, queue)

    def _go_on(self, scope: str, queue: Queue) -> None:
        while queue.held and not queue.holds:
            self._submit(scope, queue, queue.held.popleft())
        if queue.idle:
            self._queues.pop(scope, None)

    def _wait_for_place(self, partition: str, scope: str, queue: Queue, task: Task) -> None:
        queue.held.appendleft(task)
        queue.no_place = True
        if not self._no_place:
            asyncio.get_running_loop().call_later(NO_PLACE_S, self._offer_again)
        self._no_place.setdefault(partition, deque()).append(scope)

    def _offer_again(self) -> None:
        """In each partition as many as it takes."""
        waiting, self._no_place = self._no_place, {}
        for partition, scopes in waiting.items():
            while scopes and partition not in self._no_place:
                scope = scopes.popleft()
                queue = self._queues[scope]
                queue.no_place = False
                self._go_on(scope, queue)
            if scopes:
                self._no_place[partition].extend(scopes)

    def _fail(self, line: Line, error: Exception, queue: Queue | None = None) -> None:
        """Answer with a problem; where it may pass, nothing behind the line is done before it."""
        match error:
            case Problem():
                problem = error
            case Refusal() | Unavailable():
                problem = problem_of(error)
            case _:
                _log.error("line failed", line=line.number, path=line.path, exc_info=error)
                problem = internal_error()
        if queue is not None and problem.retryable:
            queue.succession.broken = True
        headers = {name.lower(): value for name, value in problem.headers.items()}
        self._answer(line, problem.status, headers, problem_json(problem, line.path, self._request_id))

    def _answer(self, line: Line, status: int, headers: dict[str, str], body: bytes) -> None:
        result = {
            "line": line.number,
            "idempotency_key": line.key,
            "status": status,
            "headers": headers,
            "body": orjson.Fragment(body),
        }
        self._add(line, result)

    def _add(self, line: Line, result: dict[str, Any]) -> None:
        self._results.append((line, orjson.dumps(result, option=orjson.OPT_APPEND_NEWLINE)))
        self._news.set()


class _Streamed(Response):
    """Answers while the request still comes in."""

    media_type = MEDIA_TYPE

    def __init__(self, batch: Batch) -> None:
        super().__init__()
        self._batch = batch

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        # The second header is for proxies that would keep answers back.
        headers = [(b"content-type", MEDIA_TYPE.encode()), (b"x-accel-buffering", b"no")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await self._batch.run(receive, send)


def add(app: FastAPI, desk: Desk, routes: RouteTable) -> None:
    """Let the app take batches of the commands of these routes."""

    @app.post(PATH, tags=["Batches"], response_class=_Streamed, **api_docs.batch(BatchLine, _EXAMPLE, BatchResult, MEDIA_TYPE))
    async def send_batch(request: Request) -> Response:
        """One command a line, each with its own `idempotency_key`; one result a line, in the order in which they are known, while
        the request still goes on.

        The lines of one customer are done in their order, and so are those of the catalog. Where one of them could not be done
        for now (503), those behind it are not done either: send them again, in a new batch. After a broken connection send again
        what has no result; what was done is replayed. At most 500 lines, or 4 MB, are read before their results are: who sends
        everything before reading sends no more than that.
        """
        batch = Batch(desk, routes, request.scope)
        await batch.authorize()
        if request.query_params:
            raise invalid("query", "", "unknown_parameter", "A batch takes no query parameters.")
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() not in _MEDIA_TYPES:
            raise Problem(415, "unsupported-media-type", "The body's media type is not supported", f"Send {MEDIA_TYPE}.")
        return _Streamed(batch)
