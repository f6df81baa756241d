"""How late the event loop comes to what is due: every request waits at least as long."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from infra.counts import Histogram
from infra.metrics.families import histogram

TICK_S = 0.1


class LoopLag(Collector):
    """Of the running loop, from now on."""

    def __init__(self) -> None:
        self._lag = Histogram()
        self._loop = asyncio.get_running_loop()
        self._next(self._loop.time())

    def _next(self, now: float) -> None:
        self._loop.call_at(now + TICK_S, self._tick, now + TICK_S)

    def _tick(self, due: float) -> None:
        now = self._loop.time()
        self._lag.observe(max(0.0, now - due))
        self._next(now)

    def collect(self) -> Iterable[Metric]:
        yield histogram("event_loop_lag_seconds", "How late the event loop came to what was due.", (), {(): self._lag})
