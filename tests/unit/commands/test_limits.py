"""Whatever may be sold can be billed: no timer is refused, however much falls due at once and however odd its fractions are."""

from __future__ import annotations

from typing import Any

import pytest

from commands.shard import EVENT_BYTES_MAX
from commands.subscription.discounts import COUPONS_MAX, ApplyCoupon, apply_coupon
from domain.errors import RuleViolated
from domain.money import MAX_AMOUNT
from domain.registry import encode
from tests.unit.commands.books import check_books
from tests.unit.commands.desk import Desk
from tests.unit.commands.world import at

ODD = {"model": "per_unit", "unit_amount": "123456789.123456789123"}


def _charges(count: int, amount: int) -> list[dict[str, Any]]:
    return [{"id": f"c{n}", "name": f"Part {n}", "pricing": {"model": "flat", "amount": amount}} for n in range(count)]


def test_more_than_one_amount_may_be_goes_on_several_invoices() -> None:
    desk = Desk()
    desk.price("most", MAX_AMOUNT, trial_days=5)
    desk.bill_together(1)
    for _ in range(2):
        desk.sell(desk.ada, "most")
    desk.until(at("2026-01-20"))
    parts = [invoice.total for invoice in desk.invoices()]
    assert len(parts) == 2
    desk.until(at("2026-02-02"))
    assert [invoice.total for invoice in desk.invoices()] == [*parts, MAX_AMOUNT, MAX_AMOUNT]
    check_books(desk)


def test_more_lines_than_an_event_takes_go_on_several_invoices() -> None:
    desk = Desk()
    desk.price("many", None, trial_days=5, charges=_charges(50, 100))
    for number in range(10):
        desk.coupon(f"off-{number}", percent="10")
    coupons = [f"off-{number}" for number in range(10)]
    subscription = desk.sell(desk.ada, "many", coupons=coupons, add_ons=[{"id": "more", "price": "many"}])
    desk.until(at("2026-01-07"))
    assert sum(len(invoice.lines) for invoice in desk.invoices()) == 2 * 50 * 11
    assert len(desk.invoices()) > 1
    assert max(len(encode(event)) for event in desk.said) < EVENT_BYTES_MAX
    desk.end(subscription, at="now", credit=True)
    check_books(desk)


def test_fractions_are_as_long_as_they_have_to_be() -> None:
    desk = Desk(billing={"proration": {"by": "second"}})
    desk.price("odd", None, charges=[{"id": "odd", "name": "Odd", "pricing": ODD}])
    subscription = desk.sell(desk.ada, "odd", quantity="7.123456789", billing_day=13)
    for number in range(COUPONS_MAX + 1):
        desk.coupon(f"off-{number}", percent="3.333333")
    for number in range(COUPONS_MAX):
        _apply(desk, f"off-{number}")
    with pytest.raises(RuleViolated, match="too_many_coupons"):
        _apply(desk, f"off-{COUPONS_MAX}")
    desk.until(at("2026-01-14T03:04:05"))
    desk.change(subscription, quantity="3.987654321")
    assert sum(len(invoice.lines) for invoice in desk.invoices()) > 3 * COUPONS_MAX
    check_books(desk)


def _apply(desk: Desk, coupon: str) -> None:
    id = desk.subscription().id
    desk.client(lambda unit: apply_coupon(unit, id, ApplyCoupon(coupon=coupon)), desk.ada)


@pytest.mark.parametrize(
    ("terms", "pointer"),
    [
        ({"interval": {"unit": "year", "count": 6}}, "/interval/count"),
        ({"interval": {"unit": "week", "count": 366}}, "/interval/count"),
        ({"phases": [{"id": "intro", "lasts": {"unit": "month", "count": 62}}]}, "/phases/0/lasts/count"),
    ],
)
def test_an_interval_is_short_enough_for_many_of_them(terms: dict[str, Any], pointer: str) -> None:
    with pytest.raises(RuleViolated, match="interval_too_long") as refused:
        Desk().price("ages", **terms)
    assert refused.value.pointer == pointer


def test_the_longest_interval_has_room_for_the_longest_term_and_coupon() -> None:
    desk = Desk()
    desk.price("ages", interval={"unit": "year", "count": 5}, term_periods=1200)
    desk.coupon("long", percent="1", periods=1200)
    subscription = desk.sell(desk.ada, "basic", coupons=["long"])
    desk.change(subscription, price="ages", at="period_end")
    desk.until(at("2026-02-02"))
    assert desk.subscription().terms.price == "ages"
