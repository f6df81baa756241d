"""Fixed terms: how long they last, how they go on, and how they end."""

from __future__ import annotations

from typing import Any

import pytest

from commands.subscription.renew import RenewSubscription, renew
from domain.errors import WrongState
from tests.unit.commands.counter import Counter
from tests.unit.commands.world import at


def sold(now: str = "2026-01-01", term_periods: int | None = 3, **body: Any) -> Counter:
    """Something of 31.00 a month for three months."""
    shop = Counter(now)
    shop.price("term", 3100, term_periods=term_periods)
    shop.sell(shop.ada, "term", **body)
    return shop


def more(shop: Counter, periods: int | None = None) -> None:
    shop.client(lambda unit: renew(unit, shop.subscription().id, RenewSubscription(periods=periods)), shop.ada)


def test_it_is_as_long_whatever_the_billing_day() -> None:
    # given three months from 1 February with billing day 13
    shop = sold("2026-02-01", billing_day=13)
    assert shop.subscription().term_ends_at == at("2026-05-01")
    shop.until(at("2026-06-01"))
    # then the first and the last period are parts: 12 of 31 days, and 18 of 30
    assert [invoice.total for invoice in shop.invoices()] == [1200, 3100, 3100, 1860]
    assert shop.subscription().state == "expired"


def test_its_end_is_counted_from_the_begin_and_never_stepped() -> None:
    shop = sold("2025-11-30", 3)
    assert shop.subscription().term_ends_at == at("2026-02-28")
    more(shop, 1)
    assert shop.subscription().term_ends_at == at("2026-03-30")


def test_renewed_it_goes_on_for_as_long_again_or_as_is_said() -> None:
    shop = sold()
    more(shop)
    assert shop.subscription().term_ends_at == at("2026-07-01")
    more(shop, 1)
    assert (shop.subscription().term_ends_at, shop.subscription().access_until) == (at("2026-08-01"), at("2026-08-01"))
    shop.until(at("2027-01-01"))
    assert [invoice.total for invoice in shop.invoices()] == [3100] * 7


def test_what_has_no_term_or_has_ended_is_not_renewed() -> None:
    shop = sold(term_periods=None)
    with pytest.raises(WrongState, match="no_fixed_term"):
        more(shop)
    over = sold(term_periods=1)
    over.until(at("2026-02-01"))
    with pytest.raises(WrongState) as refused:
        more(over)
    assert (refused.value.code, refused.value.allowed) == ("wrong_subscription_state", ())


def test_another_price_brings_a_term_of_its_own_and_another_quantity_none() -> None:
    shop = sold()
    more(shop)
    shop.until(at("2026-02-01"))
    assert shop.change(quantity=2).term_ends_at == at("2026-07-01")
    assert shop.change(price="plus").term_ends_at is None
    shop.change(price="term")
    # the term of what is sold anew is counted as its periods are, and was not renewed
    assert shop.subscription().term_ends_at == at("2026-04-01")


def test_the_day_on_which_a_term_ends_is_never_billed() -> None:
    shop = Counter("2026-01-01T10:00", proration={"last_day": "billed"})
    shop.price("term", 3100, term_periods=1)
    shop.sell(shop.ada, "term")
    shop.until(at("2026-03-01"))
    assert [invoice.total for invoice in shop.invoices()] == [3100]
