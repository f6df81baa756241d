"""Many clients at once, in a thread of their own: each lives the lives of customers, one after the other."""

from __future__ import annotations

import asyncio
from itertools import count
from random import Random
from threading import Event, Thread

import httpx

from tests.faults.cluster.caller import PATIENCE_S, Caller, Recorder
from tests.faults.cluster.lives import Life, World


class Workload(Thread):
    """So many clients, until ``stop`` is set and each has the answer to its last command."""

    def __init__(self, nodes: list[str], queries: str, key: str, recorder: Recorder, seed: int, clients: int) -> None:
        super().__init__(name="workload", daemon=True)
        self.stop = Event()
        self._error: BaseException | None = None
        self._nodes = nodes
        self._queries = queries
        self._key = key
        self._recorder = recorder
        self._seed = seed
        self._clients = clients
        self._world = World()

    def run(self) -> None:
        try:
            asyncio.run(self._all())
        except BaseException as error:  # told to whoever waits for the end
            self._error = error

    def end(self) -> None:
        """Let every client come to an end; raises what ended one early, or TimeoutError."""
        self.stop.set()
        self.join(PATIENCE_S)
        if self.is_alive():
            raise TimeoutError(f"clients still wait for an answer after {PATIENCE_S:.0f} s")
        if self._error is not None:
            raise self._error

    async def _all(self) -> None:
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
        async with httpx.AsyncClient(trust_env=False, limits=limits) as http:
            randoms = {f"client-{number}": Random(f"{self._seed}/{number}") for number in range(self._clients)}
            await asyncio.gather(*(self._live(name, http, random) for name, random in randoms.items()))

    async def _live(self, name: str, http: httpx.AsyncClient, random: Random) -> None:
        caller = Caller(name, http, self._nodes, self._queries, self._key, self._recorder, random)
        for number in count():
            if self.stop.is_set():
                return
            await Life(caller, f"{name}-{number}", self._world, self.stop).live()
