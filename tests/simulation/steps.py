"""What can happen in a schedule, each step at its time. ``str`` says it in words."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Protocol

from tests.simulation.broker import Place
from tests.simulation.faults import EFFECTS, POINTS, Armed, Effect, Point
from tests.simulation.requests import PRICES, Request
from tests.simulation.world import PARTITIONS, World

HORIZON_S = 11.0
TOKENS = ("sim_ok", "sim_ok", "sim_decline_ok", "sim_decline", "sim_timeout", "sim_lost", "sim_unknown")


class Step(Protocol):
    """Happens ``at`` seconds after the begin."""

    @property
    def at(self) -> float: ...

    def do(self, world: World) -> None: ...


@dataclass(frozen=True, slots=True)
class Ask:
    """A client asks."""

    at: float
    request: Request

    def do(self, world: World) -> None:
        world.ask(self.request)

    def __str__(self) -> str:
        return f"a client sends {self.request}"


@dataclass(frozen=True, slots=True)
class Strike:
    """A fault waits for a node at a point of its way."""

    at: float
    node: str
    point: Point
    effect: Effect
    seconds: float
    skip: int

    def do(self, world: World) -> None:
        world.faults.arm(Armed(self.node, self.point, self.effect, self.seconds, self.skip))

    def __str__(self) -> str:
        time = f" for {self.seconds} s" if self.effect in ("pause", "slow") else ""
        return f"from now on, the {self.skip + 1}. time that {self.node} is {self.point}: {self.effect}{time}"


@dataclass(frozen=True, slots=True)
class Kill:
    """A node is killed."""

    at: float
    node: str
    back_after_s: float
    lose_indexes: bool

    def do(self, world: World) -> None:
        world.kill(world.servers[self.node].host, self.back_after_s, lose_indexes=self.lose_indexes)

    def __str__(self) -> str:
        return f"{self.node} is killed{' and loses its indexes' if self.lose_indexes else ''}; back after {self.back_after_s} s"


@dataclass(frozen=True, slots=True)
class Stop:
    """A node is told to end."""

    at: float
    node: str

    def do(self, world: World) -> None:
        world.stop(self.node)

    def __str__(self) -> str:
        return f"{self.node} gets SIGTERM, and is started again"


@dataclass(frozen=True, slots=True)
class Pause:
    """A node stands still."""

    at: float
    node: str
    seconds: float

    def do(self, world: World) -> None:
        world.kernel.pause(world.servers[self.node].host, self.seconds)

    def __str__(self) -> str:
        return f"{self.node} stands still for {self.seconds} s"


@dataclass(frozen=True, slots=True)
class Cut:
    """A node reaches no broker."""

    at: float
    node: str
    seconds: float

    def do(self, world: World) -> None:
        world.servers[self.node].host.cut_until = world.kernel.now + self.seconds

    def __str__(self) -> str:
        return f"{self.node} reaches no broker for {self.seconds} s"


@dataclass(frozen=True, slots=True)
class Skew:
    """A node's clock jumps, and back."""

    at: float
    node: str
    by_s: float
    seconds: float

    def do(self, world: World) -> None:
        host = world.servers[self.node].host
        host.skew_s = self.by_s
        world.kernel.after(self.seconds, setattr, host, "skew_s", 0.0)

    def __str__(self) -> str:
        return f"the clock of {self.node} is {self.by_s:+.0f} s off for {self.seconds} s"


@dataclass(frozen=True, slots=True)
class LateMarkers:
    """Markers of transactions come late."""

    at: float
    by_s: float
    seconds: float

    def do(self, world: World) -> None:
        world.cluster.marker_delay_s = self.by_s
        world.kernel.after(self.seconds, setattr, world.cluster, "marker_delay_s", 0.001)

    def __str__(self) -> str:
        return f"for {self.seconds} s markers come about {self.by_s} s late"


@dataclass(frozen=True, slots=True)
class NoLeader:
    """A partition has no leader."""

    at: float
    place: Place
    seconds: float

    def do(self, world: World) -> None:
        world.cluster.lose_leader(self.place, self.seconds)

    def __str__(self) -> str:
        return f"{self.place[0]}/{self.place[1]} has no leader for {self.seconds} s"


@dataclass(frozen=True, slots=True)
class SlowRecords:
    """Records take long to leave their node, requests do not."""

    at: float
    by_s: float
    seconds: float

    def do(self, world: World) -> None:
        world.cluster.append_delay_s = self.by_s
        world.kernel.after(self.seconds, setattr, world.cluster, "append_delay_s", 0.001)

    def __str__(self) -> str:
        return f"for {self.seconds} s records leave their node about {self.by_s} s late"


@dataclass(frozen=True, slots=True)
class Shuffle:
    """The group gives every partition to another node."""

    at: float

    def do(self, world: World) -> None:
        world.group.shuffle()

    def __str__(self) -> str:
        return "every partition moves to the next node"


@dataclass(frozen=True, slots=True)
class Warp:
    """Time passes in which nothing happens: timers fall due."""

    at: float
    hours: int

    def do(self, world: World) -> None:
        world.kernel.trace(f"{self.hours} hours pass")
        world.warp_s += self.hours * 3600

    def __str__(self) -> str:
        return f"{self.hours} hours pass"


def schedule(seed: int, nodes: int) -> list[Step]:
    """The steps of a seed, in the order of their times."""
    random = Random(f"steps {seed}")
    asks = _requests(random)
    steps: list[Step] = [*asks, *(_fault(random, "abc"[:nodes]) for _ in range(random.randint(0, 5)))]
    if random.random() < 0.3:
        steps += _zombie(random.choice("abc"[:nodes]), random.choice(asks).at, random.choice((7.0, 9.0)))
    steps += [Warp(_time(random), random.choice((2, 12, 25, 49))) for _ in range(random.randint(0, 3))]
    if random.random() < 0.1:
        place = random.choice(
            (("sandbox.ledger.catalog", 0), *(("sandbox.ledger.events", number) for number in range(PARTITIONS)))
        )
        steps.append(NoLeader(_time(random), place, random.choice((2.0, 7.0, 15.0, 30.0))))
    return sorted(steps, key=lambda step: step.at)


def _time(random: Random) -> float:
    return round(random.uniform(0.3, HORIZON_S), 3)


def _requests(random: Random) -> list[Ask]:
    found = []
    for customer in range(random.randint(1, 4)):
        begin = random.uniform(0.2, HORIZON_S / 2)
        found.append(_ask(begin, "register", customer, 0, random.choice(TOKENS)))
        for number in range(random.randint(1, 5)):
            begin += random.expovariate(1.0)
            kind = random.choice(("start", "start", "cancel_now", "cancel_later", "card"))
            detail = random.choice(tuple(PRICES) if kind == "start" else TOKENS)
            if kind.startswith("cancel"):
                starts = [ask.request.key for ask in found if ask.request.kind == "start" and ask.request.customer == customer]
                if not starts:
                    continue
                detail = random.choice(starts)
            found.append(_ask(begin, kind, customer, number + 1, detail))
    again = [Ask(round(ask.at + random.expovariate(0.5), 3), ask.request) for ask in found if random.random() < 0.25]
    return found + again


def _zombie(node: str, at: float, seconds: float) -> list[Step]:
    """A node that goes on, after its partitions went elsewhere, with a window whose records have not all left it."""
    return [SlowRecords(at - 0.002, 0.1, 1.0), Strike(at - 0.001, node, "proved", "pause", seconds, 0)]


def _ask(at: float, kind: str, customer: int, number: int, detail: str) -> Ask:
    return Ask(round(at, 3), Request(f"k{customer}-{number}", kind, customer, detail))  # type: ignore[arg-type]


def _fault(random: Random, nodes: str) -> Step:
    at, node = _time(random), random.choice(nodes)
    seconds = random.choice((0.1, 0.5, 2.0, 5.0, 7.0, 9.0, 12.0))
    draw = random.random()
    if draw < 0.55:
        point, effect = random.choice(POINTS), random.choice(EFFECTS)
        return Strike(at, node, point, effect, seconds, random.choice((0, 0, 1, 3, 8)))
    if draw < 0.65:
        return Kill(at, node, random.choice((0.2, 1.0, 8.0)), random.random() < 0.3)
    if draw < 0.71:
        return Stop(at, node)
    if draw < 0.77:
        return Pause(at, node, seconds)
    if draw < 0.83:
        return Cut(at, node, seconds)
    if draw < 0.86:
        return Skew(at, node, random.choice((-3600, 3600, -7, 7)), seconds)
    if draw < 0.90:
        return LateMarkers(at, random.choice((0.05, 0.3, 1.0)), seconds)
    if draw < 0.95:
        return SlowRecords(at, random.choice((0.02, 0.1, 0.5)), seconds)
    return Shuffle(at)
