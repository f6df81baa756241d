"""Suspended for want of payment, and paid at last: what is owed for the days without access, by policy."""

from __future__ import annotations

import pytest

from domain.errors import WrongState
from tests.unit.commands.counter import Counter
from tests.unit.commands.world import at, captures, declines


def suspended(start: str = "2026-01-01", policy: str = "owed") -> Counter:
    """What was sold for 31.00 a month, the last charge of which failed: suspended four days later."""
    shop = Counter(start, suspended=policy)
    shop.provider = declines
    shop.sell(shop.ada, "basic")
    shop.until(at("2026-01-05"))
    assert shop.subscription().state == "suspended"
    return shop


def pay(shop: Counter, instant: str) -> None:
    """All is paid, and goes on."""
    shop.until(at(instant))
    shop.provider = captures
    for invoice in shop.invoices():
        if not invoice.closed:
            shop.charge(invoice.id)
    shop.until(at(instant))
    assert shop.subscription().state == "active"


def test_days_without_access_are_owed_unless_the_policy_says_otherwise() -> None:
    shop = suspended()
    pay(shop, "2026-01-11")
    assert [invoice.total for invoice in shop.invoices()] == [3100]


def test_days_without_access_are_credited_once_paid() -> None:
    shop = suspended(policy="credited")
    assert shop.until(at("2026-01-11")) == []
    pay(shop, "2026-01-11")
    assert shop.lines() == [("credit", "01-05", "01-11", -600)]
    shop.until(at("2026-02-01"))
    assert (shop.invoices()[-1].total, shop.invoices()[-1].credit_applied) == (3100, 600)


def test_what_is_never_paid_is_never_credited() -> None:
    shop = suspended(policy="credited")
    shop.until(at("2026-01-11"))
    shop.end(at="now")
    assert [invoice.total for invoice in shop.invoices()] == [3100]


@pytest.mark.parametrize(
    ("policy", "lines"),
    [
        # no period that began while it was suspended is owed
        ("owed", [("recurring", "04-01", "05-01", 3100)]),
        # the days that are left of the one that runs are, and those of January without access are given back
        ("credited", [("credit", "01-05", "02-01", -2700), ("proration", "03-11", "04-01", 2100)]),
    ],
)
def test_it_goes_on_in_a_later_period(policy: str, lines: list[tuple[str, str, str, int]]) -> None:
    shop = suspended(policy=policy)
    pay(shop, "2026-03-11")
    shop.until(at("2026-04-01" if policy == "owed" else "2026-03-11"))
    assert shop.lines() == lines


def test_what_could_not_be_paid_stays_owed_though_it_was_suspended_at_once() -> None:
    # given a first charge without any retry, so that the period, the suspension and its end have one instant
    shop = Counter()
    shop.provider = declines
    shop.policy(retry_after_s=())
    shop.sell(shop.ada, "basic")
    assert shop.subscription().state == "suspended"
    # when it is cancelled, or paid
    shop.end(at="now")
    # then nothing was given back
    assert [invoice.total for invoice in shop.invoices()] == [3100]


def test_a_change_waits_until_it_is_paid() -> None:
    shop = suspended()
    with pytest.raises(WrongState, match="wrong_subscription_state"):
        shop.change(price="plus")


def test_a_change_that_was_scheduled_counts_from_when_it_is_paid() -> None:
    # given a year scheduled for 1 February, and suspended from January to 10 February
    shop = Counter("2026-01-01")
    shop.sell(shop.ada, "basic")
    shop.change(price="yearly", at="period_end")
    shop.provider = declines
    shop.change(quantity=2)
    shop.until(at("2026-02-02"))
    assert (shop.subscription().state, shop.subscription().change_at) == ("suspended", at("2026-02-01"))
    # when it is paid
    pay(shop, "2026-02-10")
    # then the year of both units is billed from then on to the billing day, 356 of 365 days
    assert shop.lines() == [("proration", "02-10", "02-01", 71200)]
    assert shop.subscription().change_at is None
