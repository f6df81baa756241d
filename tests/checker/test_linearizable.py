"""The search against trying all orders."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import permutations
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.checker import linearizable
from tests.checker.linearizable import Operation, Undecided, stuck_at


def write(value: int, _: int) -> Sequence[int]:
    return (value,)


def read(value: int, state: int) -> Sequence[int]:
    return (state,) if state == value else ()


@st.composite
def operations(draw: st.DrawFn) -> list[Operation[int]]:
    """Reads and writes of a register that holds 0 to 2; some writes have no end."""
    found = []
    for _ in range(draw(st.integers(1, 6))):
        begin = draw(st.integers(0, 8))
        apply, value = draw(st.sampled_from([read, write])), draw(st.integers(0, 2))
        unknown = apply is write and draw(st.integers(0, 3)) == 0
        end = inf if unknown else begin + draw(st.integers(0, 5))
        shown_by = f"{apply.__name__} {value}"
        found.append(Operation(begin, end, partial(apply, value), shown_by, observes=apply is read))
    return found


def explained(found: Sequence[Operation[int]]) -> bool:
    """Whether some order explains all that has an end, with any of what has none."""
    must = {operation for operation in found if operation.end < inf}
    return any(
        _is_one(order)
        for length in range(len(must), len(found) + 1)
        for order in permutations(found, length)
        if must <= set(order)
    )


def _is_one(order: Sequence[Operation[int]]) -> bool:
    state: Sequence[int] = (0,)
    for number, operation in enumerate(order):
        if any(later.end < operation.begin for later in order[number:]):
            return False
        state = [following for one in state for following in operation.apply(one)]
    return bool(state)


@given(operations())
def test_what_the_search_finds_is_what_trying_all_orders_finds(found: list[Operation[int]]) -> None:
    assert (stuck_at(found, 0) is None) == explained(found)


def test_the_answer_that_does_not_fit_is_named() -> None:
    stale = Operation(2, 3, partial(read, 0), "a stale read")
    found = [Operation(0, 1, partial(write, 1), "a write"), stale, Operation(4, 5, partial(read, 1), "a read")]

    assert stuck_at(found, 0) is stale
    assert stuck_at(found[:1] + found[2:], 0) is None


def test_a_search_that_would_not_end_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linearizable, "STEPS_MAX", 100)
    lost = [Operation(0, inf, partial(write, value), "lost") for value in range(1, 12)]

    with pytest.raises(Undecided):
        stuck_at([*lost, Operation(1, 2, partial(read, 99), "of nothing that was written")], 0)


def test_thousands_of_calls_one_after_the_other_are_no_trouble() -> None:
    found = [Operation(at, at + 1.5, partial(write, at), "write", at) for at in range(3000)]

    assert stuck_at(found, 0) is None
