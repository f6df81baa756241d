"""What both clients share, without any I/O: what is sent, what an answer comes to, and when it is tried again.

A request is a generator: it yields what is to be sent or how long to wait, is given what came back, and returns what it came to.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from json import dumps
from threading import Lock
from typing import TypeVar

import httpx

from subledger_client.errors import LedgerError, Unavailable, Unreachable, problem
from subledger_client.previews import Preview
from subledger_client.requests import Command, Feed, Listing, Query

T = TypeVar("T")

TIMEOUT_S = 30.0
DEADLINE_S = 60.0
WAIT_S_MAX = 25
PAUSE_MIN_S, PAUSE_MAX_S = 0.05, 5.0
BROKEN = (httpx.TimeoutException, httpx.NetworkError, httpx.RemoteProtocolError, httpx.ProxyError)
"""What a connection may meet and the next one need not."""

_COMPARED = re.compile(r"_([gl]te?)$")


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request to be sent."""

    method: str
    path: str
    headers: Mapping[str, str]
    params: Mapping[str, Sequence[str]]
    content: bytes | None = None


@dataclass(frozen=True, slots=True)
class Pause:
    """To be waited, in seconds."""

    seconds: float


Received = httpx.Response | Exception | None
Steps = Generator[Exchange | Pause, Received, T]


class Positions:
    """How far the ledger was seen to be, by partition: later reads are to see that much."""

    def __init__(self, text: str = "") -> None:
        self._reached: dict[str, int] = {}
        self._lock = Lock()
        self.note(text)

    def note(self, text: str) -> None:
        """Take in a Ledger-Position: ``3@7``, or several by commas."""
        with self._lock:
            for position in filter(None, map(str.strip, text.split(","))):
                partition, _, sequence = position.partition("@")
                self._reached[partition] = max(int(sequence), self._reached.get(partition, 0))

    def __str__(self) -> str:
        with self._lock:
            return ", ".join(f"{partition}@{sequence}" for partition, sequence in sorted(self._reached.items()))


class Patience:
    """When to try again, and when no more: after ``deadline_s`` without a success."""

    def __init__(self, deadline_s: float) -> None:
        self._deadline_s = deadline_s
        self.renew()

    def renew(self) -> None:
        """There was a success."""
        self._ends, self._tries = time.monotonic() + self._deadline_s, 0

    def pause(self, error: LedgerError) -> Pause:
        """Before the next try; raises the error where there is none."""
        longest = min(PAUSE_MIN_S * 2.0 ** min(self._tries, 10), PAUSE_MAX_S)
        # Half of it by chance, so that many that failed together do not come back together.
        seconds = max(random.uniform(longest / 2, longest), error.retry_after_s)
        if time.monotonic() + seconds > self._ends:
            raise error
        self._tries += 1
        return Pause(seconds)


class Session:
    """Who sends, and what was seen."""

    def __init__(
        self,
        api_key: str,
        *,
        tenant: str | None,
        reason: str | None,
        position: str,
        deadline_s: float,
        timeout_s: float,
    ) -> None:
        given = {"Authorization": f"Bearer {api_key}", "x-tn": tenant, "Ledger-Reason": reason}
        self.headers = {name: value for name, value in given.items() if value is not None}
        self.positions = Positions(position)
        self.deadline_s = deadline_s
        self.wait_s = max(1, min(WAIT_S_MAX, int(timeout_s / 2)))

    def send(self, command: Command[T]) -> Steps[T]:
        """Raises a Problem or Unreachable."""
        found: T = (yield from self._command(command, {})).json()
        return found

    def preview(self, command: Command[T]) -> Steps[Preview[T]]:
        """Raises a Problem or Unreachable."""
        found: Preview[T] = (yield from self._command(command, {"dry_run": ["true"]})).json()
        return found

    def _command(self, command: Command[T], params: Mapping[str, Sequence[str]]) -> Steps[httpx.Response]:
        headers = {"Idempotency-Key": command.key, "Content-Type": "application/json", **self.reading()}
        if command.version is not None:
            headers["If-Match"] = f'"{command.version}"'
        if command.reason is not None:
            headers["Ledger-Reason"] = command.reason
        response = yield from self._ask(Exchange("POST", command.path, headers, params, json_bytes(command.body)))
        self.positions.note(response.headers.get("Ledger-Position", ""))
        return response

    def get(self, query: Query[T]) -> Steps[T]:
        """Raises a Problem or Unreachable."""
        response = yield from self._ask(Exchange("GET", query.path, self.reading(), {}))
        found: T = response.json()
        return found

    def page(self, listing: Listing[T], cursor: str | None) -> Steps[tuple[list[T], str | None]]:
        """A page and where the next one begins, if there is one; raises a Problem or Unreachable."""
        params = _params(listing.filters) | ({} if cursor is None else {"cursor": [cursor]})
        page = (yield from self._ask(Exchange("GET", listing.path, self.reading(), params))).json()
        return page["data"], page["next_cursor"]

    def follow(self, feed: Feed[T], after: str) -> Steps[T]:
        """What comes next, without anything where nothing came for a while; raises a Problem or Unreachable."""
        params = _params(feed.filters) | {"after": [after], "wait": [str(self.wait_s)]}
        found: T = (yield from self._ask(Exchange("GET", feed.path, {}, params))).json()
        return found

    def reading(self) -> dict[str, str]:
        """What makes an answer hold all that was seen."""
        position = str(self.positions)
        return {"Ledger-Min-Position": position} if position else {}

    def _ask(self, exchange: Exchange) -> Steps[httpx.Response]:
        patience = Patience(self.deadline_s)
        while True:
            received = yield exchange
            if isinstance(received, httpx.Response) and received.is_success:
                return received
            error = failure(received)
            if not may_pass(error):
                raise error
            yield patience.pause(error)


def failure(received: Received) -> LedgerError:
    """What came instead of a success."""
    if isinstance(received, httpx.Response):
        return problem(received.status_code, _json(received), received.headers)
    assert received is not None
    error = Unreachable(str(received) or type(received).__name__)
    error.__cause__ = received
    return error


def may_pass(error: LedgerError) -> bool:
    """Whether the same may work a little later."""
    return isinstance(error, Unavailable | Unreachable)


def json_bytes(value: object) -> bytes:
    """As JSON on one line; instants as RFC 3339."""
    return dumps(value, default=_text, ensure_ascii=False).encode()


def _json(response: httpx.Response) -> object:
    """The body; a proxy's page is none."""
    try:
        return response.json()
    except ValueError:
        return None


def _params(filters: Mapping[str, object]) -> dict[str, Sequence[str]]:
    """Parameters as they are sent: ``created_gte`` is ``created[gte]``, and several values are a parameter each."""
    return {_COMPARED.sub(r"[\1]", name): _texts(value) for name, value in filters.items() if value is not None}


def _texts(value: object) -> Sequence[str]:
    return [_text(each) for each in value] if isinstance(value, list | tuple) else [_text(value)]


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
