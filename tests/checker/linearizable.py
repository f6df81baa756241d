"""Wing and Gong's search for a linearization, memoised as in porcupine: is there an order of the operations, each at an instant
between its begin and its end, in which a plain sequential object gives just these answers?

An operation without an end (its outcome is unknown) takes effect at any instant after its begin, or never.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from math import inf
from typing import Generic, TypeVar

S = TypeVar("S", bound=Hashable)

STEPS_MAX = 200_000


class Undecided(Exception):
    """The search was given up: too many operations of unknown outcome overlap."""


@dataclass(frozen=True, slots=True, eq=False)
class Operation(Generic[S]):
    """``apply`` gives the states that can follow a state, none where the answer does not fit it. ``end`` inf: it may never take
    effect. ``shown_by`` names it in a report. ``version`` is that of the object after it, where the answer tells: versions never
    fall, which spares the search all orders in which they would. ``observes``: it only tells of the state; where it tells of the
    present one, no other order needs to be tried.
    """

    begin: float
    end: float
    apply: Callable[[S], Sequence[S]]
    shown_by: str
    version: int | None = None
    observes: bool = False


def stuck_at(operations: Sequence[Operation[S]], initial: S) -> Operation[S] | None:
    """None where there is a linearization; else the operation that could not be placed in the longest attempt.

    Raises Undecided.
    """
    ordered = sorted(operations, key=lambda operation: operation.begin)
    must = sum(1 << number for number, operation in enumerate(ordered) if operation.end < inf)
    versions = sorted((each.version, 1 << number) for number, each in enumerate(ordered) if each.version is not None)
    seen: set[tuple[int, S]] = set()
    waiting: list[tuple[int, S]] = [(0, initial)]
    furthest = -1, 0
    while waiting:
        done, state = waiting.pop()
        if done & must == must:
            return None
        furthest = max(furthest, ((done & must).bit_count(), done))
        least = next((version for version, bit in versions if not done & bit), inf)
        steps: list[tuple[int, S]] = []
        for number in _next(ordered, done):
            operation = ordered[number]
            following = operation.apply(state) if (operation.version or 0) <= least else ()
            if operation.observes and state in following:
                steps = [(done | 1 << number, state)]
                break
            steps += [(done | 1 << number, after) for after in following]
        fresh = [step for step in steps if step not in seen]
        seen.update(fresh)
        waiting += fresh
        if len(seen) > STEPS_MAX:
            raise Undecided
    left = [operation for number, operation in enumerate(ordered) if operation.end < inf and not furthest[1] >> number & 1]
    return min(left, key=lambda operation: operation.end)


def _next(ordered: Sequence[Operation[S]], done: int) -> list[int]:
    """Which operations may come next: those that began before every other one that is left has ended. The last is tried first."""
    found: list[int] = []
    first_end = inf
    number = (~done & (done + 1)).bit_length() - 1  # the first that is left
    for position in range(number, len(ordered)):
        operation = ordered[position]
        if operation.begin > first_end:
            break
        if not done >> position & 1:
            found.append(position)
            first_end = min(first_end, operation.end)
    return found[::-1]
