"""The projector's metrics."""

from __future__ import annotations

from collections.abc import Iterable
from typing import get_args

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from infra.eventlog.reader import Kind
from infra.metrics.families import counter, counters, gauge, gauges, histogram
from infra.postgres.counts import ProjectorCounts


class ProjectorCollector(Collector):
    """Of the projector of this process."""

    def __init__(self, counts: ProjectorCounts) -> None:
        self._counts = counts

    def collect(self) -> Iterable[Metric]:
        counts = self._counts
        stages = {("project",): counts.project_s, ("commit",): counts.commit_s}
        yield gauge("ready", "1 where /readyz says so.", not counts.waiting_for)
        yield histogram("projector_batch_events", "Events applied by a commit.", (), {(): counts.events})
        yield histogram("projector_batch_duration_seconds", "What a batch took, by stage.", ("stage",), stages)
        yield counter("projector_interruptions", "Sessions ended by an absence of Postgres or the log.", counts.interruptions)
        yield gauges(
            "projector_sequence", "The last event that stands in the rows.", ("partition",),
            {(name,): sequence for name, sequence in counts.sequences.items()},
        )  # fmt: skip
        yield counters(
            "projector_quarantined_records", "Records that did not count.", ("kind",),
            {(kind,): counts.quarantined[kind] for kind in get_args(Kind)},
        )  # fmt: skip
