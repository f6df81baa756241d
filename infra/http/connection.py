"""A connection of the server: how much, and for how long, one client may hold of the process.

uvicorn limits none of it by itself. A head without an end would be kept for good, requests that are sent ahead parsed as fast as
they come, and a client that never ends its request, or never reads its answer, would keep what waits for it for ever.
"""

from __future__ import annotations

import asyncio
import resource
from typing import Any

import structlog
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from infra.http.problems import MEDIA_TYPE, Problem, problem_json

CONNECTIONS_MAX = 20_000
# Open files for all but clients: indexes, the log, Postgres.
FILES_KEPT = 300
HEADERS_MAX = 100
HEAD_BYTES_MAX = 65_536
# A head, or the next request on an open connection, is awaited so long.
HEAD_S = 10.0
# A body has to bring so many bytes each time, so that one now and then does not count.
BODY_S = 30.0
BODY_STEP_BYTES = 1_000
# A client that takes less than a full buffer (64 KiB) in this time does not want the answer.
STALLED_S = 30.0
# How often a connection is looked at: nothing is armed or cancelled on the way of a request.
LOOK_S = 5.0

_log = structlog.get_logger(__name__)

_BAD_REQUEST = Problem(400, "bad-request", "The request could not be read")
_HEAD_TOO_LARGE = Problem(431, "head-too-large", "The request's head is too large")
_TOO_MANY = Problem(503, "too-many-connections", "Too many connections", retryable=True, headers={"Retry-After": "1"})


class _HeadTooLarge(Exception):
    """Ends the parsing of a head."""


class State(ServerState):
    """What a server's connections share. ``ending``: each is closed with its next answer."""

    ending = False


class Connection(HttpToolsProtocol):
    """uvicorn's, bounded."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._in_head = True
        self._began = False
        self._head_too_large = False
        self._head_bytes = 0
        self._step_bytes = 0
        # Since when something of a request is awaited; None: the client owes us nothing.
        self._waiting_since: float | None = self.loop.time()
        self._was_closing = False
        self._look = self.loop.call_later(LOOK_S, self._look_after)
        self._cut: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.flow = _Flow(self)
        if len(self.connections) > connections_max():
            self._refuse(_TOO_MANY)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._look.cancel()
        self._go_on()

    # The request

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return  # refused
        self._began = False
        super().data_received(data)
        if self._in_head and not self._began:
            self._head_bytes += len(data)
        # What came in one piece was looked at when it was complete; lines behind a body come to light here alone.
        if self._head_bytes > HEAD_BYTES_MAX or (self.headers is not None and len(self.headers) > HEADERS_MAX):
            self._refuse(_HEAD_TOO_LARGE)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = self._began = True
        self._head_bytes = self._step_bytes = 0
        self._waiting_since = self.loop.time()

    def on_headers_complete(self) -> None:
        self._in_head = False
        if len(self.headers) > HEADERS_MAX or len(self.url) + sum(len(n) + len(v) for n, v in self.headers) > HEAD_BYTES_MAX:
            self._head_too_large = True
            raise _HeadTooLarge
        super().on_headers_complete()
        if isinstance(self.server_state, State) and self.server_state.ending:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        super().on_body(body)
        self._step_bytes += len(body)
        if self._step_bytes >= BODY_STEP_BYTES:
            self._step_bytes = 0
            self._waiting_since = self.loop.time()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._waiting_since = None

    def on_response_complete(self) -> None:
        if self._waiting_since is None and not self.pipeline:
            self._in_head = True  # of the next one
            self._waiting_since = self.loop.time()
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  a problem says more
        self._refuse(_HEAD_TOO_LARGE if self._head_too_large else _BAD_REQUEST)

    def _refuse(self, problem: Problem) -> None:
        """Answer before there is a request, and close."""
        if self.transport.is_closing():
            return
        body = problem_json(problem, "", "")
        headers = {**problem.headers, "content-type": MEDIA_TYPE, "content-length": str(len(body)), "connection": "close"}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self.transport.write(STATUS_LINE[problem.status] + lines.encode() + b"\r\n" + body)
        self.transport.close()

    # Time

    def _look_after(self) -> None:
        """Cut a client that keeps us waiting, or that has not taken its last answer since the last look."""
        now, closing = self.loop.time(), self.transport.is_closing()
        unread = self.flow.read_paused or (self.cycle is not None and bool(self.cycle.body))
        if unread and self._waiting_since is not None:
            self._waiting_since = now  # it is the app that takes its time
        limit_s = HEAD_S if self._in_head else BODY_S
        if (closing and self._was_closing) or (self._waiting_since is not None and now - self._waiting_since > limit_s):
            _log.debug("client too slow", client=self.client, closing=closing)
            self.transport.abort()
            return
        self._was_closing = closing
        self._look = self.loop.call_later(LOOK_S, self._look_after)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._cut = self.loop.call_later(STALLED_S, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._go_on()

    def _go_on(self) -> None:
        if self._cut is not None:
            self._cut.cancel()
            self._cut = None


class _Flow(FlowControl):
    """Reads nothing on while requests that were sent ahead wait for their turn."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection.transport)
        self._ahead = connection.pipeline

    def resume_reading(self) -> None:
        if not self._ahead:
            super().resume_reading()


def connections_max() -> int:
    """How many connections a process keeps at once. One more is refused, so that files are left for everything else."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return min(CONNECTIONS_MAX, max(files - FILES_KEPT, files // 2))


def raise_file_limit() -> None:
    """Allow this process as many open files as it may have."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
