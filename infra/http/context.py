"""Request context as pure ASGI middleware: ``Request-Id``, ``traceparent``, log context, ``Cache-Control`` and a limit on bodies.

The request's id and the trace stand in ``request.state.request_id`` and ``request.state.traceparent``, and in every log line.
"""

from __future__ import annotations

import asyncio
import re
from contextvars import ContextVar
from random import getrandbits  # these ids are no secrets
from time import perf_counter

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.types import EventDict, WrappedLogger

from infra.http.problems import body_too_large, cut_short, internal_error, render
from infra.http.requests import Requests
from infra.tracing import traceparent_of

_log = structlog.get_logger(__name__)

_READ = frozenset({b"request-id", b"traceparent", b"content-length"})
_REQUEST_ID = re.compile(r"[A-Za-z0-9._~-]{1,128}")
_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")


# What every log line of the present request says. One dictionary set once a request: structlog's own context variables, one each
# value, take as long as a twentieth of a command.
_LOGGED: ContextVar[dict[str, str]] = ContextVar("logged")


def log_with(**values: str) -> None:
    """Say this, too, in every further log line of the present request."""
    _LOGGED.get({}).update(values)


def merge_request(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    """A structlog processor: adds the present request's values to a log line."""
    return {**_LOGGED.get({}), **line}


def request_id(given: str | None) -> str:
    """The caller's id where it is a plain token, else a new one."""
    if given is not None and _REQUEST_ID.fullmatch(given):
        return given
    return f"req_{getrandbits(96):024x}"


def traceparent(given: str | None) -> str:
    """A W3C trace context for this hop: the caller's trace with a span of our own, or a new trace, which nobody records."""
    match = _TRACEPARENT.fullmatch(given) if given else None
    trace, flags = f"{getrandbits(128):032x}", "00"
    if match and match[1] != "ff" and int(match[2], 16) and int(match[3], 16):
        trace, flags = match[2], match[4]
    return f"00-{trace}-{getrandbits(64) or 1:016x}-{flags}"


class RequestContext:
    """Outermost middleware of an app. ``body_bytes_max`` bounds what a request may send; more is answered with 413. The paths in
    ``unbounded`` take a body in bit by bit, and bound it themselves. ``requests`` counts them.

    It stands around everything, so the answer to an unexpected error is made here: it carries the request's id as well.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        body_bytes_max: int = 1_000_000,
        unbounded: frozenset[str] = frozenset(),
        requests: Requests | None = None,
    ) -> None:
        self._app = app
        self._requests = requests or Requests()
        self._body_bytes_max = body_bytes_max
        self._unbounded = unbounded

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = {name: value.decode("latin-1") for name, value in scope["headers"] if name in _READ}
        state = scope.setdefault("state", {})
        state["request_id"] = request_id(given.get(b"request-id"))
        span = self._requests.begun(given.get(b"traceparent"))
        state["traceparent"] = traceparent(given.get(b"traceparent")) if span is None else traceparent_of(span)
        _LOGGED.set({"request_id": state["request_id"], "trace": state["traceparent"][3:35]})
        answer = _Answer(send, state["request_id"])
        length = given.get(b"content-length", "0")
        begun = perf_counter()
        try:
            await self._answer(scope, receive, answer, int(length) if length.isdigit() else 0)
        finally:
            self._requests.answered(scope, answer.status, begun, span)

    async def _answer(self, scope: Scope, receive: Receive, answer: _Answer, length: int) -> None:
        if scope["path"] not in self._unbounded:
            if length > self._body_bytes_max:
                await render(Request(scope), body_too_large())(scope, receive, answer)
                return
            receive = _LimitedBody(receive, self._body_bytes_max)
        try:
            await self._app(scope, receive, answer)
        except asyncio.CancelledError:  # by the server alone, which is ending and waits no longer
            if not answer.started:
                await render(Request(scope), cut_short())(scope, receive, answer)
            elif not answer.complete:
                raise
        except Exception as error:
            _log.error("request_failed", path=scope["path"], method=scope["method"], exc_info=error)
            if not answer.started:
                await render(Request(scope), internal_error())(scope, receive, answer)
            elif not answer.complete:
                raise
        # What was done is in the log itself; what was refused is only here. Of a tenant's excess there is too much: a line costs
        # more than to refuse, and the node names the tenant once in a while.
        if answer.status >= 400 and answer.status != 429:
            problem = scope["state"].get("problem")  # none where another node's answer was passed on: its own log has it
            _log.info("request", method=scope["method"], path=scope["path"], status=answer.status, problem=problem)


class _LimitedBody:
    def __init__(self, receive: Receive, bytes_max: int) -> None:
        self._receive = receive
        self._left = bytes_max

    async def __call__(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._left -= len(message.get("body", b""))
            if self._left < 0:
                raise HTTPException(413)  # the one kind of error that FastAPI lets through while it reads a body
        return message


class _Answer:
    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._request_id = request_id
        self.started = False
        self.complete = False
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            self.status = message["status"]
            headers = [*message["headers"], (b"request-id", self._request_id.encode())]
            if not any(name == b"cache-control" for name, _ in headers):
                headers.append((b"cache-control", b"no-store"))
            message = {**message, "headers": headers}
        else:
            self.complete = not message.get("more_body", False)
        await self._send(message)


class HeadAsGet:
    """Answers HEAD as GET without the body, on every route; ``request.state.is_head`` tells one whose body has no end."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def without_body(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        scope.setdefault("state", {})["is_head"] = True
        as_get = {**scope, "method": "GET"}
        await self._app(as_get, receive, without_body)
        scope["route"] = as_get.get("route")  # for whoever counts by it, further out
