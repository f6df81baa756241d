"""Many clients at once: each lives the lives of customers, one after the other, by commands that go to any node and are sent
again with the same key until they are answered. Every request is taken down as it was sent and answered (a line of JSON each).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from random import Random
from threading import Event, Thread
from typing import Any

import httpx
import orjson

from tests.faults.cluster.lives import Life

TENANT = "shop"
PAUSE_S = (0.05, 0.6)
PATIENCE_S = 240.0
# Most wait longer than the ledger does; some give up early, and what they asked for may be done all the same.
_LIMITS_S = (20.0, 20.0, 20.0, 1.0)


class Recorder:
    """Writes calls to a file, a line each."""

    def __init__(self, path: Path) -> None:
        self.calls = self.unknown = 0
        self.acknowledged: set[str] = set()
        self.sent: set[str] = set()
        self.path = path
        self._file = path.open("wb", buffering=0)

    def take(self, call: Mapping[str, Any]) -> None:
        """Take it down."""
        self.calls += 1
        self.unknown += call["status"] is None
        if call["key"]:
            self.sent.add(call["key"])
            if call["status"] is not None and call["status"] < 300:
                self.acknowledged.add(call["key"])
        self._file.write(orjson.dumps(call) + b"\n")

    def close(self) -> None:
        self._file.close()


class Caller:
    """One client, who sends one request at a time to ``nodes`` or, to ask, to ``queries``. ``position``: how far it has seen."""

    def __init__(
        self, name: str, http: httpx.AsyncClient, nodes: list[str], queries: str, key: str, recorder: Recorder, random: Random
    ) -> None:
        self.name = name
        self.random = random
        self.positions: dict[str, int] = {}
        self._http = http
        self._nodes = nodes
        self._queries = queries
        self._key = key
        self._recorder = recorder

    async def command(self, path: str, body: Any, key: str, **headers: str) -> tuple[int, Any]:
        """Send it, again and again, until it is answered for good; gives status and answer. Raises TimeoutError."""
        ends = time.monotonic() + PATIENCE_S
        nodes = self.random.sample(self._nodes, len(self._nodes))
        for tries in count():
            asked = {"idempotency-key": f'"{key}"' if self.random.random() < 0.1 else key, **headers}
            status, answer = await self._call("POST", nodes[tries % len(nodes)], path, body, key, asked)
            if status is not None and status not in (429, 502, 503, 504):
                return status, answer
            if time.monotonic() > ends:
                raise TimeoutError(f"{self.name}: {path} [{key}] has had no answer for {PATIENCE_S:.0f} s: {status} {answer}")
            if tries >= len(nodes) - 1:
                await asyncio.sleep(self.random.uniform(*PAUSE_S))
        raise AssertionError

    async def ask(self, path: str) -> Any | None:
        """Ask once, for all that was seen; None where that cannot be answered now."""
        asked = {"ledger-min-position": ", ".join(f"{name}@{at}" for name, at in sorted(self.positions.items()))}
        status, answer = await self._call("GET", self._queries, path, None, "", asked)
        return answer if status == 200 else None

    async def _call(self, method: str, url: str, path: str, body: Any, key: str, asked: dict[str, str]) -> tuple[int | None, Any]:
        begin = time.monotonic()
        headers = {"Authorization": f"Bearer {self._key}", "content-type": "application/json", **asked}
        status, found, answer = None, {}, None
        try:
            response = await self._http.request(
                method, url + path, content=None if body is None else orjson.dumps(body), headers=headers,
                timeout=self.random.choice(_LIMITS_S),
            )  # fmt: skip
            status, found, answer = response.status_code, dict(response.headers), response.json()
        except httpx.TransportError as error:
            answer = repr(error)  # no answer of the ledger's
        self._recorder.take({
            "client": self.name, "begin": begin, "end": time.monotonic(), "method": method, "path": path, "tenant": TENANT,
            "status": status, "key": key, "body": body, "asked": asked, "headers": found, "answer": answer,
        })  # fmt: skip
        self._note(found.get("ledger-position", ""))
        return status, answer

    def _note(self, positions: str) -> None:
        for position in filter(None, map(str.strip, positions.split(","))):
            name, _, sequence = position.partition("@")
            self.positions[name] = max(int(sequence), self.positions.get(name, 0))


class Workload(Thread):
    """So many clients, from ``open`` until ``stop`` is set and each has come to the end of a customer's life."""

    def __init__(self, nodes: list[str], queries: str, key: str, recorder: Recorder, seed: int, clients: int) -> None:
        super().__init__(name="workload", daemon=True)
        self.stop = Event()
        self.error: BaseException | None = None
        self._nodes = nodes
        self._queries = queries
        self._key = key
        self._recorder = recorder
        self._seed = seed
        self._clients = clients

    def run(self) -> None:
        try:
            asyncio.run(self._all())
        except BaseException as error:  # told to whoever waits for it
            self.error = error

    def end(self, limit_s: float = PATIENCE_S) -> None:
        """Let every client come to an end; raises what ended one early, or TimeoutError."""
        self.stop.set()
        self.join(limit_s)
        if self.is_alive():
            raise TimeoutError(f"clients still wait for an answer after {limit_s:.0f} s")
        if self.error is not None:
            raise self.error

    async def _all(self) -> None:
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
        async with httpx.AsyncClient(trust_env=False, limits=limits) as http, asyncio.TaskGroup() as clients:
            for number in range(self._clients):
                clients.create_task(self._live(f"client-{number}", http, Random(f"{self._seed}/{number}")))

    async def _live(self, name: str, http: httpx.AsyncClient, random: Random) -> None:
        caller = Caller(name, http, self._nodes, self._queries, self._key, self._recorder, random)
        for number in count():
            if self.stop.is_set():
                return
            await Life(caller, f"{name}-{number}", self.stop).live()
