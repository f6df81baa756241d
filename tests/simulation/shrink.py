"""The shortest schedule that still fails: steps are left out, many at a time and then one by one, as long as it does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tests.simulation.history import Verdict, nodes_of, run
from tests.simulation.steps import Step, schedule

RUNS_MAX = 300


@dataclass(frozen=True, slots=True)
class Shortest:
    """``kept`` are the numbers of the steps of the seed's schedule that it takes; ``quiet``: it fails without chance, too."""

    seed: int
    kept: tuple[int, ...]
    quiet: bool
    verdict: Verdict

    def __str__(self) -> str:
        steps, nodes = schedule(self.seed, nodes_of(self.seed)), nodes_of(self.seed)
        quiet = " --quiet" if self.quiet else ""
        numbers = ",".join(map(str, self.kept)) or "none"
        return "\n".join([
            f"seed {self.seed}, {nodes} nodes: {len(self.kept)} of {len(steps)} steps are enough",
            *(f"{steps[number].at:9.3f}  {steps[number]}" for number in self.kept),
            *(f"    →      {violation}" for violation in self.verdict.violations[:5]),
            f'all that happens: make simulate ARGS="--seed {self.seed} --steps {numbers}{quiet}"',
        ])  # fmt: skip


def picked(seed: int, kept: Sequence[int]) -> list[Step]:
    """These steps of a seed's schedule."""
    steps = schedule(seed, nodes_of(seed))
    return [steps[number] for number in kept]


def shrink(verdict: Verdict) -> Shortest:
    """Of a verdict with violations; what fails must fail by one of the same rules."""
    seed, rules = verdict.seed, _rules(verdict)
    runs = 0

    def fails(kept: Sequence[int], quiet: bool) -> Verdict | None:
        nonlocal runs
        runs += 1
        found = run(seed, picked(seed, kept), quiet=quiet)
        return found if _rules(found) & rules else None

    best = Shortest(seed, tuple(range(len(schedule(seed, nodes_of(seed))))), False, verdict)
    if (found := fails(best.kept, True)) is not None:
        best = Shortest(seed, best.kept, True, found)
    size = max(1, len(best.kept) // 2)
    while runs < RUNS_MAX:
        for begin in range(0, len(best.kept), size):
            kept = best.kept[:begin] + best.kept[begin + size :]
            if (found := fails(kept, best.quiet)) is not None:
                best = Shortest(seed, kept, best.quiet, found)
                break
        else:
            if size == 1:
                break
            size //= 2
    return best


def _rules(verdict: Verdict) -> set[str]:
    return {violation.partition(":")[0] for violation in verdict.violations}
