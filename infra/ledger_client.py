"""A client of the ledger's own HTTP APIs, for the import, the tail and the demo: keep-alive, bounded, patient.

    LedgerUnreachable   no answer, or only retriable ones, for as long as the client is patient
    Refused             the ledger answered with a problem that the same request would meet again

Every POST carries an idempotency key of the caller's, so that sending it again (here, or in a later run) does nothing twice.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx
import orjson

BATCH = "/v1/commands:batch"
CONNECTIONS = 64
# Longer than the ledger itself waits for a commit before it says that the outcome is unknown.
TIMEOUT_S = 30.0
PATIENCE_S = 90.0
# Until the first answer an address that is simply wrong is more likely than an outage.
FIRST_PATIENCE_S = 5.0
PAUSE_MIN_S, PAUSE_MAX_S = 0.1, 5.0
_RETRIABLE = frozenset({429, 502, 503, 504})


class LedgerUnreachable(Exception):
    """The ledger did not take the request in time. Nothing is lost: the same request may be sent again with the same key."""


class Refused(Exception):
    """A problem (RFC 9457): its ``status``, its ``code`` for programs and its ``detail`` for people."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        self.status = status
        self.code = code
        self.detail = detail
        super().__init__(f"{code}: {detail}" if detail else code)


@dataclass(frozen=True, slots=True)
class Later:
    """Not now; after ``retry_after_s`` at the earliest."""

    reason: str
    retry_after_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Reply:
    """A command's or a query's answer; ``position`` is its Ledger-Position; ``replayed``: the command had been done before."""

    body: Mapping[str, Any]
    position: str
    replayed: bool


class LedgerClient:
    """Speaks with ``base_url`` under one API key; ``tenant`` and ``reason`` are what the admin key needs beside it.

    At most ``connections`` requests are under way at once; more of them wait.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str,
        *,
        tenant: str | None = None,
        reason: str | None = None,
        connections: int = CONNECTIONS,
        timeout_s: float = TIMEOUT_S,
        patience_s: float = PATIENCE_S,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        headers = {"Authorization": f"Bearer {api_key}"}
        if tenant is not None:
            headers["x-tn"] = tenant
        if reason is not None:
            headers["Ledger-Reason"] = reason
        self._base_url = base_url
        self._patience_s = patience_s
        self._reached = False
        self._turns = asyncio.Semaphore(connections)
        self._http = httpx.AsyncClient(
            base_url=base_url,
            headers=headers,
            timeout=timeout_s,
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
            transport=transport,
            trust_env=False,  # the ledger is ours: no proxy stands between
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._http.aclose()

    async def post(self, path: str, body: Mapping[str, Any], key: str, *, min_position: str = "") -> Reply:
        """Send a command until it is answered; raises Refused or LedgerUnreachable."""
        headers = {"Idempotency-Key": key, "Content-Type": "application/json"}
        return await self._send("POST", path, headers, min_position, content=orjson.dumps(body))

    async def get(self, path: str, params: Mapping[str, str | Sequence[str]] | None = None, *, min_position: str = "") -> Reply:
        """Ask until it is answered; raises Refused or LedgerUnreachable."""
        return await self._send("GET", path, {}, min_position, params=params)

    async def batch(self, lines: Sequence[bytes], min_position: str, answered: Callable[[Any], None]) -> Later | None:
        """Send lines of a batch, once, and give each result to ``answered`` as it comes. Later: not all of them came. Raises
        Refused where the batch was refused as a whole.
        """
        headers = {"Content-Type": "application/x-ndjson", **_at_least(min_position)}
        try:
            async with self._turns, self._http.stream("POST", BATCH, headers=headers, content=b"\n".join(lines)) as response:
                self._reached = True
                if not response.is_success:
                    found = judged(response.status_code, _json(await response.aread()), response.headers)
                    assert isinstance(found, Later)
                    return found
                rest = b""
                async for piece in response.aiter_bytes():
                    *results, rest = (rest + piece).split(b"\n")
                    for result in results:
                        answered(orjson.loads(result))
        except httpx.TransportError as error:
            return _not_sent(error)
        return None

    async def wait(self, later: Later, begun: float, tries: int) -> None:
        """Until it may be tried again; raises LedgerUnreachable where patience is at an end since ``begun`` (monotonic)."""
        patience_s = self._patience_s if self._reached else min(self._patience_s, FIRST_PATIENCE_S)
        if time.monotonic() - begun > patience_s:
            raise LedgerUnreachable(f"{self._base_url} did not take the request: {later.reason}")
        await asyncio.sleep(max(later.retry_after_s, _pause_s(tries)))

    async def _send(self, method: str, path: str, headers: dict[str, str], min_position: str, **request: Any) -> Reply:
        headers |= _at_least(min_position)
        begun, tries = time.monotonic(), 0
        while True:
            found = await self._try(method, path, headers, **request)
            if isinstance(found, Reply):
                return found
            await self.wait(found, begun, tries)
            tries += 1

    async def _try(self, method: str, path: str, headers: dict[str, str], **request: Any) -> Reply | Later:
        try:
            async with self._turns:
                response = await self._http.request(method, path, headers=headers, **request)
        except httpx.TransportError as error:
            return _not_sent(error)
        self._reached = True
        return judged(response.status_code, _json(response.content), response.headers)


def _not_sent(error: httpx.TransportError) -> Later:
    """What a broken connection comes to: the same request may be sent again."""
    return Later(str(error) or type(error).__name__)


def judged(status: int, body: Mapping[str, Any], headers: Mapping[str, str]) -> Reply | Later:
    """What an answer comes to; raises Refused. ``headers`` are found by small letters."""
    if httpx.codes.is_success(status):
        return Reply(body, headers.get("ledger-position", ""), headers.get("idempotent-replayed") == "true")
    problem = Refused(status, str(body.get("code", status)), _detail(body))
    if status in _RETRIABLE or body.get("retryable") is True:
        return Later(str(problem), _retry_after_s(headers))
    raise problem


def _at_least(position: str) -> dict[str, str]:
    return {"Ledger-Min-Position": position} if position else {}


def _pause_s(tries: int) -> float:
    longest = min(PAUSE_MIN_S * 2.0 ** min(tries, 10), PAUSE_MAX_S)
    return random.uniform(longest / 2, longest)  # so that many that failed together do not come back together


def _retry_after_s(headers: Mapping[str, str]) -> float:
    text = headers.get("retry-after", "")
    return min(float(text), PAUSE_MAX_S) if text.isdecimal() else 0.0


def _json(content: bytes) -> Mapping[str, Any]:
    """The body where it is a JSON object; a proxy's error page is none."""
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError:
        return {}
    return body if isinstance(body, dict) else {}


def _detail(body: Mapping[str, Any]) -> str:
    """What is wrong, in one line."""
    parts = [
        f"{error.get('pointer', '')}: {error.get('detail', '')}" for error in body.get("errors", ()) if isinstance(error, dict)
    ]
    return str(body.get("detail") or "; ".join(parts) or body.get("title", ""))
