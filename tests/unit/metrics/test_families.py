"""Plain numbers as Prometheus reads them."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client import Histogram as TheirHistogram
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from infra.counts import SECONDS, Histogram
from infra.metrics.families import counter, counters, gauge, gauges, histogram


class Fixed(Collector):
    """Says always the same."""

    def __init__(self, *metrics: Metric) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def shown(*metrics: Metric) -> list[str]:
    """The sample lines of a scrape."""
    registry = CollectorRegistry()
    registry.register(Fixed(*metrics))
    return [line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#")]


@given(st.lists(st.sampled_from([0.0, 0.0005, *SECONDS, 0.3, 11.0, 1e6])))
def test_a_histogram_is_what_the_library_would_have_counted(observations: list[float]) -> None:
    # given the same observations for ours and for the library's own
    ours, registry = Histogram(), CollectorRegistry()
    theirs = TheirHistogram("subledger_x_seconds", "About.", buckets=SECONDS, registry=registry)
    for value in observations:
        ours.observe(value)
        theirs.observe(value)
    # then a scrape says the same of both
    lines = generate_latest(registry).decode().splitlines()
    expected = [line for line in lines if not line.startswith("#") and "_created" not in line]
    assert values(shown(histogram("x_seconds", "About.", (), {(): ours}))) == pytest.approx(values(expected))


def values(lines: list[str]) -> dict[str, float]:
    """By name and bucket, however the bucket's bound is written."""
    found = {}
    for line in lines:
        name, value = line.rsplit(" ", 1)
        kind, _, bound = name.partition('le="')
        found[f"{kind}{float(bound.rstrip(chr(34) + '}'))}" if bound else kind] = float(value)
    return found


def test_counters_and_gauges_carry_prefix_and_labels() -> None:
    assert shown(
        counter("windows", "About.", 3),
        counters("commands", "About.", ("outcome",), {("committed",): 2}),
        gauge("ready", "About.", True),
        gauges("partitions", "About.", ("state",), {("serving",): 12}),
    ) == [
        "subledger_windows_total 3.0",
        'subledger_commands_total{outcome="committed"} 2.0',
        "subledger_ready 1.0",
        'subledger_partitions{state="serving"} 12.0',
    ]
