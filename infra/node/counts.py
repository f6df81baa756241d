"""What the node counts on its loop, and what it has in hand at a moment."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from commands.ports import Answer, OutcomeUnknown, Preview, QueueFull, Unavailable
from domain.errors import Refusal
from infra.counts import Histogram


@dataclass(slots=True)
class NodeCounts:
    """``commands`` that were answered, by name, outcome and reason (a refusal's class: its codes are many); ``charges`` are the
    seconds of calls to providers, by provider and outcome.
    """

    commands: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    charges: defaultdict[tuple[str, str], Histogram] = field(default_factory=lambda: defaultdict(Histogram))

    def answered(self, name: str, answer: Answer | Preview) -> None:
        if isinstance(answer, Preview):
            self.commands[name, "previewed", ""] += 1
        else:
            self.commands[name, "replayed" if answer.replayed else "committed", ""] += 1

    def failed(self, name: str, error: Refusal | Unavailable) -> None:
        if isinstance(error, QueueFull) and not error.quota.full:
            self.commands[name, "throttled", ""] += 1
        elif isinstance(error, Refusal):
            self.commands[name, "refused", type(error).__name__] += 1
        else:
            self.commands[name, "unknown" if isinstance(error, OutcomeUnknown) else "unavailable", error.code] += 1


@dataclass(frozen=True, slots=True)
class NodeState:
    """``sequences`` are the last committed of the partitions that are served; ``waiting`` how many commands each of them has in
    hand, of which ``waiting_max`` may wait for their turn; ``charging`` calls run, and ``charges_open`` attempts have no outcome
    in the log, ``transfers_open`` transfers no answer; ``timers_late_s`` is how long the timer that waits longest has been due.
    ``unready`` says what keeps commands out.
    """

    assigned: frozenset[str]
    broken: frozenset[str]
    sequences: Mapping[str, int]
    waiting: Mapping[str, int]
    waiting_max: int
    charging: int
    charges_open: int
    transfers_open: int
    timers_late_s: float
    unready: tuple[str, ...]
