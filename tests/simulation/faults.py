"""Faults that a schedule arms, and the points in the way of a request at which they strike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

from tests.simulation.kernel import Host, Kernel, Killed

# appending   records leave their host (slow alone)
# proving     the fence has not been asked yet
# proved      the fence has let the window through, and its answer is on its way
# committing  the commit has not arrived
# committed   the commit has been decided, and its answer is on its way
# settling    a producer begins, and ends what its id left open
# reading     committed records are asked for
# asking      a partition's end is asked for
# staging     a window is written to an index
Point = Literal["appending", "proving", "proved", "committing", "committed", "settling", "reading", "asking", "staging"]
Effect = Literal["fail", "kill", "pause", "slow"]
POINTS: tuple[Point, ...] = get_args(Point)
EFFECTS: tuple[Effect, ...] = get_args(Effect)


@dataclass(slots=True)
class Armed:
    """Strikes the ``skip`` + 1-th time that ``host`` comes to ``point``."""

    host: str
    point: Point
    effect: Effect
    seconds: float
    skip: int = 0


class Faults:
    """``on_kill`` is told which host a fault killed."""

    def __init__(self, kernel: Kernel, on_kill: Callable[[Host], None]) -> None:
        self._kernel = kernel
        self._on_kill = on_kill
        self._armed: list[Armed] = []

    def arm(self, armed: Armed) -> None:
        self._armed.append(armed)

    def disarm(self) -> None:
        self._armed.clear()

    def reach(self, point: str) -> bool:
        """The current strand has come to a point. Tells whether the request fails there; may delay it, or not come back."""
        if not self._armed:
            return False
        kernel, host = self._kernel, self._kernel.host
        fault = self._strikes(host, point)
        if fault is None:
            return False
        kernel.trace(f"fault: {host.name} {fault.effect} at {point}")
        if fault.effect == "kill":
            self._on_kill(host)
            raise Killed
        if fault.effect == "pause":
            kernel.pause(host, fault.seconds)
            kernel.give_way()
        elif fault.effect == "slow":
            kernel.sleep(fault.seconds)
        return fault.effect == "fail"

    def delay(self, host: Host, point: str) -> float:
        """The same for what happens in the background: how long it waits."""
        fault = self._strikes(host, point) if self._armed else None
        if fault is None:
            return 0.0
        self._kernel.trace(f"fault: {host.name} {fault.effect} at {point}")
        if fault.effect == "pause":
            self._kernel.pause(host, fault.seconds)
        elif fault.effect == "kill":
            self._on_kill(host)
        return fault.seconds

    def _strikes(self, host: Host, point: str) -> Armed | None:
        for fault in self._armed:
            if fault.host == host.name and fault.point == point:
                fault.skip -= 1
                if fault.skip < 0:
                    self._armed.remove(fault)
                    return fault
        return None
