"""What the window thread counts, and nobody else writes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from infra.counts import Histogram
from infra.eventlog.reader import Kind
from infra.eventlog.record import Record

WindowOutcome = Literal["committed", "refused", "fenced", "aborted", "unknown"]

_COMMANDS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
_BYTES = (1_000, 4_000, 16_000, 64_000, 256_000, 1_000_000, 4_000_000)
_TAKEOVER_S = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)


@dataclass(slots=True)
class WindowCounts:
    """``windows`` by how they ended. Of those that committed: ``commands`` whose answers waited for them, ``bytes`` of the
    events' values, and times: ``stage_s`` numbering and staging, ``commit_s`` the log, ``index_s`` the indexes. ``terms`` are
    those under which partitions were served last; ``behind`` says of those being taken over how many records of the log their
    indexes lack.
    """

    windows: Counter[WindowOutcome] = field(default_factory=Counter)
    events: int = 0
    commands: Histogram = field(default_factory=lambda: Histogram(_COMMANDS))
    bytes: Histogram = field(default_factory=lambda: Histogram(_BYTES))
    stage_s: Histogram = field(default_factory=Histogram)
    commit_s: Histogram = field(default_factory=Histogram)
    index_s: Histogram = field(default_factory=Histogram)
    takeover_s: Histogram = field(default_factory=lambda: Histogram(_TAKEOVER_S))
    takeovers_put_off: int = 0
    terms: dict[str, int] = field(default_factory=dict)
    behind: Mapping[str, int] = field(default_factory=dict)
    quarantined: Counter[Kind] = field(default_factory=Counter)

    def read_on(self, behind: Mapping[str, int], done: str = "") -> None:
        """So far are partitions behind that are being taken over, and ``done`` is not any more. Another thread may look on."""
        found = {**self.behind, **{name: max(0, records) for name, records in behind.items()}}
        self.behind = {name: records for name, records in found.items() if name != done}

    def taken_over(self, partition: str, term: int, seconds: float) -> None:
        """A partition can be served again, ``seconds`` after its takeover began."""
        self.terms[partition] = term
        self.read_on({}, partition)
        self.takeover_s.observe(seconds)

    def committed(self, commands: int, records: Sequence[Record], stage_s: float, commit_s: float, index_s: float) -> None:
        """A window has committed."""
        self.windows["committed"] += 1
        self.events += len(records)
        self.commands.observe(commands)
        self.bytes.observe(sum([len(record.value) for record in records]))
        self.stage_s.observe(stage_s)
        self.commit_s.observe(commit_s)
        self.index_s.observe(index_s)
