"""What became of requests that were sent on to other nodes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import get_args

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from infra.metrics.families import counters
from infra.node.peers import Outcome


class PeersCollector(Collector):
    """``counts`` are those of a node's `Peers`; empty where there are no others."""

    def __init__(self, counts: Mapping[Outcome, int]) -> None:
        self._counts = counts

    def collect(self) -> Iterable[Metric]:
        ended = {(outcome,): self._counts.get(outcome, 0) for outcome in get_args(Outcome)}
        yield counters("requests_sent_on", "Requests sent to another node, each try, by how it ended.", ("outcome",), ended)
