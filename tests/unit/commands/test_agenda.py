"""What falls due for a customer, whatever was set and forgotten before."""

from __future__ import annotations

from datetime import timedelta
from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from commands.agenda import RANK, Agenda, Timer
from tests.unit.commands.world import at

START = at("2026-01-01")
PENDING = st.lists(
    st.tuples(st.sampled_from(["bill", "cancel", "retry"]), st.integers(0, 4)), max_size=3, unique_by=lambda each: each[0]
)
SETTINGS = st.lists(st.tuples(st.sampled_from("abcdef"), PENDING), max_size=30)


@given(SETTINGS, st.integers(0, 4), st.integers(0, 10))
def test_what_is_due_comes_in_order_and_once(settings: list[tuple[str, list[tuple[str, int]]]], day: int, first: int) -> None:
    # given timers that were set again and again
    agenda = Agenda({})
    now = {}
    for stream, pending in settings:
        now[stream] = tuple((kind, START + timedelta(days=days)) for kind, days in pending)
        agenda.set(stream, now[stream])
    timers = [Timer(due, kind, stream) for stream, pending in now.items() for kind, due in pending]
    until = START + timedelta(days=day)
    # when the first so many bills that are due are asked for
    found = list(islice(agenda.due("bill", until), first))
    # then
    due = sorted((each.due, each.stream) for each in timers if each.kind == "bill" and each.due <= until)
    assert [(each.due, each.stream) for each in found] == due[:first]
    expected = min(timers, key=lambda each: (each.due, RANK[each.kind], each.stream), default=None)
    assert agenda.first() == expected
