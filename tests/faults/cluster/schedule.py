"""What is to go wrong in a round, and when: drawn from the round's seed alone."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from random import Random

CALM_S = 2.0  # at the begin, so that there is something to lose
EVERY_S = 4.0  # on average


@dataclass(frozen=True, slots=True)
class Planned:
    """A fault that begins ``at_s`` after the round did, and is healed ``lasts_s`` later. ``targets`` are names of hosts."""

    at_s: float
    lasts_s: float
    fault: str
    targets: tuple[str, ...]

    @property
    def ends_s(self) -> float:
        return self.at_s + self.lasts_s

    def __str__(self) -> str:
        return f"{self.at_s:5.1f} s  {self.fault}: {', '.join(self.targets)}, for {self.lasts_s:.1f} s"


@dataclass(frozen=True, slots=True)
class Kind:
    """A fault strikes ``count`` hosts of a role, and lasts between so many seconds."""

    role: str
    shortest_s: float
    longest_s: float
    count: int = 1


def schedule(seed: int, seconds: float, kinds: Mapping[str, Kind], hosts: Mapping[str, Collection[str]]) -> list[Planned]:
    """Faults of these kinds, on hosts by role, in the order of their begin; all are over when the round is.

    Several are under way at once, on a host one at a time, and one alone among the brokers: two that are away take the log with
    them, which is an outage like any other, only longer.
    """
    random = Random(seed)
    planned: list[Planned] = []
    at_s = CALM_S
    while at_s < seconds:
        fault = random.choice(sorted(kinds))
        kind = kinds[fault]
        lasts_s = min(random.uniform(kind.shortest_s, kind.longest_s), seconds - at_s)
        under_way = {target for each in planned if each.ends_s > at_s for target in each.targets}
        candidates = sorted(hosts[kind.role])
        free = [host for host in candidates if host not in under_way]
        if len(free) >= kind.count and (kind.role != "broker" or free == candidates):
            planned.append(Planned(round(at_s, 1), round(lasts_s, 1), fault, tuple(random.sample(free, kind.count))))
        at_s += random.expovariate(1 / EVERY_S)
    return planned
