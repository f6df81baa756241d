"""What the projector counts; while it runs, one thread at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from infra.counts import Histogram
from infra.eventlog.reader import Kind, Quarantine, ReaderState

_EVENTS = (1, 10, 100, 1000, 4000)


@dataclass(slots=True)
class ProjectorCounts:
    """Of committed batches: how many ``events`` each held, and times: ``project_s`` from records to rows, ``commit_s`` in
    Postgres. ``read`` are the next offsets to be read by partition (all below is in the rows), ``sequences`` the last applied.

    ``waiting_for`` says why nothing is applied at present; empty while it follows the log.
    """

    events: Histogram = field(default_factory=lambda: Histogram(_EVENTS))
    project_s: Histogram = field(default_factory=Histogram)
    commit_s: Histogram = field(default_factory=Histogram)
    quarantined: Counter[Kind] = field(default_factory=Counter)
    interruptions: int = 0
    waiting_for: str = "it has not begun"
    read: dict[str, int] = field(default_factory=dict)
    sequences: dict[str, int] = field(default_factory=dict)

    def applied(self, events: int, quarantined: Sequence[Quarantine], project_s: float, commit_s: float) -> None:
        """A batch is in Postgres."""
        self.events.observe(events)
        self.project_s.observe(project_s)
        self.commit_s.observe(commit_s)
        self.quarantined.update(each.kind for each in quarantined)

    def reached(self, read: Mapping[str, int], states: Mapping[str, ReaderState]) -> None:
        """All that stands below ``read`` is in Postgres."""
        self.read = dict(read)
        self.sequences = {partition: state.sequence for partition, state in states.items()}
