"""Each command on a subscription in each of its states: done where the table of states says so, else refused with what is."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from domain.subscription import lifecycle
from tests.unit.commands.books import check_books
from tests.unit.commands.deeds import ON_SUBSCRIPTION, VERBS, do, has_reason, stock
from tests.unit.commands.desk import Desk
from tests.unit.commands.world import at, captures, declines


def _sold(price: str) -> Desk:
    desk = Desk(dunning={"give_up_after_days": 90})
    stock(desk)
    desk.sell(desk.ada, price)
    return desk


def _unpaid(until: str) -> Desk:
    desk = _sold("basic")
    desk.provider = declines
    desk.until(at(until))
    return desk


def _after(deed: str, body: int, desk: Desk) -> Desk:
    do(desk, ON_SUBSCRIPTION[deed], desk.subscription().id, ON_SUBSCRIPTION[deed].bodies[body])
    return desk


def _expired() -> Desk:
    desk = _sold("terminal")
    desk.until(at("2026-03-01"))
    return desk


# A subscription in each state, and in what states do not tell: paused, or with something scheduled.
WAYS: dict[str, Callable[[], Desk]] = {
    "trial": lambda: _sold("tried"),
    "active": lambda: _sold("basic"),
    "grace": lambda: _unpaid("2026-02-01"),
    "suspended": lambda: _unpaid("2026-02-05"),
    "cancelled": lambda: _after("cancel", 0, _sold("basic")),
    "expired": _expired,
    "active, for a term": lambda: _sold("terminal"),
    "active, in its first phase": lambda: _sold("phased"),
    "active, ending": lambda: _after("cancel", 2, _sold("basic")),
    "active, changing": lambda: _after("change", 10, _sold("basic")),
    "active, paused": lambda: _after("pause", 0, _sold("basic")),
    "active, with a coupon": lambda: _after("apply_coupon", 0, _sold("basic")),
    "grace, paused": lambda: _after("pause", 2, _unpaid("2026-02-01")),
    "trial, ending": lambda: _after("cancel", 2, _sold("tried")),
}
# Where these are done though the state alone would not say so.
ONLY = {
    "withdraw_change": {"active, changing"},
    "uncancel": {"active, ending", "trial, ending"},
    "resume": {"active, paused", "grace, paused"},
    "renew": {"active, for a term"},
    "remove_coupon": {"active, with a coupon"},
    "pause": set(WAYS) - {"active, paused", "grace, paused"},
}


@pytest.mark.parametrize("deed", ON_SUBSCRIPTION)
@pytest.mark.parametrize("way", WAYS)
def test_each_pair_is_done_or_refused_with_a_reason(way: str, deed: str) -> None:
    done = 0
    desk = WAYS[way]()
    for body in ON_SUBSCRIPTION[deed].bodies:
        before = desk.subscription()
        assert before.state == way.partition(",")[0]
        allowed = lifecycle.allowed(before.state)
        if refusal := do(desk, ON_SUBSCRIPTION[deed], before.id, body):
            assert has_reason(refusal, allowed)
        else:
            done += 1
            check_books(desk)
            desk = WAYS[way]()
    may = deed not in VERBS or VERBS[deed] in allowed
    assert (done > 0) == (may and way in ONLY.get(deed, WAYS))


@pytest.mark.parametrize("way", WAYS)
def test_whatever_was_done_the_months_after_are_billed(way: str) -> None:
    for deed in ON_SUBSCRIPTION.values():
        desk = WAYS[way]()
        do(desk, deed, desk.subscription().id, deed.bodies[0])
        desk.provider = captures
        for instant in ("2026-02-20", "2026-05-20"):
            desk.until(at(instant))
            check_books(desk)
