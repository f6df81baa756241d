"""What a part of a process counts of itself: plain numbers, each written by one thread and read by whoever shows them.

Nothing here knows of a metrics library: `infra.metrics` reads the numbers when somebody asks.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Histogram:
    """Observations by size: ``buckets[i]`` counts those up to ``bounds[i]`` (ascending), the last one the rest."""

    __slots__ = ("bounds", "buckets", "sum")

    def __init__(self, bounds: Sequence[float] = SECONDS) -> None:
        self.bounds = bounds
        self.buckets = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        self.buckets[bisect_left(self.bounds, value)] += 1
        self.sum += value
