"""Metric families of plain numbers. Label values are few by design: never an id, never anything of a customer's."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate
from typing import TypeVar

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from infra.counts import Histogram

_PREFIX = "subledger_"
Labels = TypeVar("Labels", bound=tuple[str, ...])


def counter(name: str, about: str, value: float) -> CounterMetricFamily:
    return CounterMetricFamily(_PREFIX + name, about, value=value)


def counters(name: str, about: str, labels: tuple[str, ...], values: Mapping[Labels, float]) -> CounterMetricFamily:
    """One series for each combination of label values."""
    family = CounterMetricFamily(_PREFIX + name, about, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family


def gauge(name: str, about: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(_PREFIX + name, about, value=value)


def gauges(name: str, about: str, labels: tuple[str, ...], values: Mapping[Labels, float]) -> GaugeMetricFamily:
    """One series for each combination of label values."""
    family = GaugeMetricFamily(_PREFIX + name, about, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family


def histogram(name: str, about: str, labels: tuple[str, ...], values: Mapping[Labels, Histogram]) -> HistogramMetricFamily:
    """One histogram for each combination of label values; without labels: of the empty one."""
    family = HistogramMetricFamily(_PREFIX + name, about, labels=labels)
    for key, value in values.items():
        totals = accumulate(value.buckets)
        bounds = [*(f"{bound:g}" for bound in value.bounds), "+Inf"]
        family.add_metric(key, list(zip(bounds, totals, strict=True)), value.sum)
    return family
