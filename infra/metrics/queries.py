"""The query side's connections to Postgres."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from infra.metrics.families import counter, gauge, gauges, histogram
from infra.postgres.snapshots import PostgresReadModels


class PoolCollector(Collector):
    """Of the pool behind the read models."""

    def __init__(self, read: PostgresReadModels) -> None:
        self._read = read

    def collect(self) -> Iterable[Metric]:
        stats = self._read.pool_stats()
        idle = stats["pool_available"]
        connections = {("idle",): idle, ("in_use",): stats["pool_size"] - idle}
        yield gauges("pool_connections", "Connections to Postgres, by state.", ("state",), connections)
        yield gauge("pool_connections_limit", "How many connections there may be.", stats["pool_max"])
        yield gauge("pool_requests_waiting", "Questions that wait for a connection.", stats["requests_waiting"])
        yield counter("pool_requests", "Questions that asked for a connection.", stats.get("requests_num", 0))
        yield counter("pool_requests_failed", "Questions that got no connection.", stats.get("requests_errors", 0))
        yield counter("pool_wait_seconds", "Time waited for connections.", stats.get("requests_wait_ms", 0) / 1000)
        yield counter("pool_connections_failed", "Connections that could not be made.", stats.get("connections_errors", 0))
        yield counter("pool_connections_lost", "Connections that broke while idle.", stats.get("connections_lost", 0))
        yield histogram("question_duration_seconds", "That a question had its connection.", (), {(): self._read.seconds})
