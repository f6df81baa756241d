"""One client of the cluster: sends each command to any node, again with the same key until it is answered, and takes down every
request as it was sent and answered.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import httpx
import orjson

from tests.checker.history import Call

TENANT = "shop"
PATIENCE_S = 360.0
_PAUSE_S = (0.05, 0.6)
# Most wait longer than the ledger does; some give up early, and what they asked for may be done all the same.
_LIMITS_S = (20.0, 20.0, 20.0, 1.0)
_LATER = (None, 429, 502, 503, 504)
_ADVANCING = "test-clock-advancing"
_BATCH = "/v1/commands:batch"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Command:
    """What is sent, and sent again; ``headers`` beside the key."""

    path: str
    body: Mapping[str, Any]
    key: str
    headers: Mapping[str, str] = field(default_factory=dict)


class Recorder:
    """Writes calls to a file, a line each, and counts."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.unknown = 0
        self.acknowledged: set[str] = set()
        self._file = path.open("wb", buffering=0)

    def take(self, call: Call) -> None:
        """Take it down."""
        self.unknown += call.status is None
        if call.key and call.acknowledged:
            self.acknowledged.add(call.key)
        self._file.write(orjson.dumps(call) + b"\n")

    def close(self) -> None:
        self._file.close()


class Caller:
    """One client, who sends one request at a time to ``nodes`` or, to ask, to ``queries``. It asks for all that it has seen."""

    def __init__(
        self, name: str, http: httpx.AsyncClient, nodes: list[str], queries: str, key: str, recorder: Recorder, random: Random
    ) -> None:
        self.name = name
        self.random = random
        self._positions: dict[str, int] = {}
        self._http = http
        self._nodes = nodes
        self._queries = queries
        self._key = key
        self._recorder = recorder

    async def send(self, command: Command) -> Call:
        """The command's last call, which answers it for good. Raises TimeoutError."""

        async def attempt(node: str) -> Call | None:
            asked = {"idempotency-key": command.key, **command.headers}
            call = await self._call("POST", node, command.path, asked, command.body, command.key)
            return None if _later(call) else call

        return await self._until(attempt, command.path)

    async def batch(self, commands: Sequence[Command]) -> None:
        """Send them as one, and again those without an answer. Raises TimeoutError."""
        left = {command.key: command for command in commands}

        async def attempt(node: str) -> bool | None:
            for call in await self._batch(node, list(left.values())):
                if not _later(call):
                    left.pop(call.key, None)
            return None if left else True

        await self._until(attempt, _BATCH)

    async def ask(self, path: str) -> Any | None:
        """Ask once; None where that cannot be answered now."""
        seen = ", ".join(f"{name}@{at}" for name, at in sorted(self._positions.items()))
        call = await self._call("GET", self._queries, path, {"ledger-min-position": seen})
        return call.answer if call.status == 200 else None

    async def _until(self, attempt: Callable[[str], Awaitable[T | None]], path: str) -> T:
        """Try one node after the other until there is something."""
        ends = time.monotonic() + PATIENCE_S
        nodes = self.random.sample(self._nodes, len(self._nodes))
        for tries in count():
            found = await attempt(nodes[tries % len(nodes)])
            if found is not None:
                return found
            if time.monotonic() > ends:
                raise TimeoutError(f"{self.name}: {path} has had no answer for {PATIENCE_S:.0f} s")
            await asyncio.sleep(self.random.uniform(*_PAUSE_S))
        raise AssertionError

    async def _call(
        self, method: str, url: str, path: str, asked: dict[str, str], body: Mapping[str, Any] | None = None, key: str = ""
    ) -> Call:
        begin, content = time.monotonic(), None if body is None else orjson.dumps(body)
        response = await self._request(method, url + path, {"content-type": "application/json", **asked}, content)
        call = Call(
            client=self.name, begin=begin, end=time.monotonic(), method=method, path=path, tenant=TENANT, key=key, body=body,
            status=None if response is None else response.status_code, asked=asked,
            headers={} if response is None else dict(response.headers), answer=None if response is None else response.json(),
        )  # fmt: skip
        self._take(call)
        return call

    async def _batch(self, url: str, commands: Sequence[Command]) -> list[Call]:
        """A call for each line; one without a result has no status."""
        begin = time.monotonic()
        lines = [{"idempotency_key": each.key, "path": each.path, "body": each.body} for each in commands]
        asked = {"content-type": "application/x-ndjson"}
        response = await self._request("POST", url + _BATCH, asked, b"\n".join(map(orjson.dumps, lines)))
        found = response.content.splitlines() if response is not None and response.is_success else []
        results = {result["idempotency_key"]: result for result in map(orjson.loads, found)}
        calls = []
        for each in commands:
            result = results.get(each.key, {"status": None, "headers": {}, "body": None})
            calls.append(Call(
                client=self.name, begin=begin, end=time.monotonic(), method="POST", path=each.path, tenant=TENANT, key=each.key,
                body=each.body, status=result["status"], headers=result["headers"], answer=result["body"],
            ))  # fmt: skip
            self._take(calls[-1])
        return calls

    async def _request(self, method: str, url: str, headers: Mapping[str, str], content: bytes | None) -> httpx.Response | None:
        """None: no answer came."""
        authorized = {"Authorization": f"Bearer {self._key}", **headers}
        limit_s = self.random.choice(_LIMITS_S)
        try:
            return await self._http.request(method, url, headers=authorized, content=content, timeout=limit_s)
        except httpx.TransportError:
            return None

    def _take(self, call: Call) -> None:
        self._recorder.take(call)
        for position in filter(None, map(str.strip, call.headers.get("ledger-position", "").split(","))):
            name, _, sequence = position.partition("@")
            self._positions[name] = max(int(sequence), self._positions.get(name, 0))


def _later(call: Call) -> bool:
    """Whether the same is to be sent again."""
    return call.status in _LATER or call.code == _ADVANCING
