"""Coupons: what they take off, of what, for how long, in which order, and what of it is taken back."""

from __future__ import annotations

from typing import Any

import pytest

from commands.catalog.create_coupon import CreateCoupon, create_coupon
from commands.subscription.discounts import ApplyCoupon, RemoveCoupon, apply_coupon, remove_coupon
from domain.errors import NotFound, RuleViolated
from tests.unit.commands.counter import Counter
from tests.unit.commands.world import at

DISK = {"id": "disk", "price": "storage"}


def amount(minor_units: int) -> dict[str, Any]:
    return {"amount": {"amount": minor_units, "currency": "EUR"}}


class Sale(Counter):
    """A counter with coupons: half off, 10 % off, 5.00 off and 100.00 off, for ever, unless other terms are given."""

    def __init__(self, **terms: Any) -> None:
        super().__init__()
        self.coupon("half", percent="50", **terms)
        self.coupon("tenth", percent="10", **terms)
        self.coupon("five", **amount(500), **terms)
        self.coupon("hundred", **amount(10000), **terms)

    def coupon(self, id: str, **terms: Any) -> None:
        request = CreateCoupon.model_validate({"id": id, "name": id, **terms})
        self.client(lambda unit: create_coupon(unit, request))

    def give(self, coupon: str, item: str | None = None) -> None:
        request = ApplyCoupon(coupon=coupon, item=item)
        self.client(lambda unit: apply_coupon(unit, self.subscription().id, request), self.ada)

    def take_away(self, coupon: str) -> None:
        self.client(lambda unit: remove_coupon(unit, self.subscription().id, RemoveCoupon(coupon=coupon)), self.ada)

    def totals(self) -> list[int]:
        return [invoice.total for invoice in self.invoices()]


@pytest.mark.parametrize(
    ("coupons", "total"),
    [
        (["half"], 1550),
        (["five"], 2600),
        # an amount comes before a percentage of all, and what was given first comes first
        (["half", "five"], 1300),
        (["five", "half"], 1300),
        (["half", "tenth"], 1395),
        # never below nothing
        (["hundred"], 0),
        (["hundred", "five", "half"], 0),
    ],
)
def test_what_is_taken_off_in_which_order(coupons: list[str], total: int) -> None:
    shop = Sale()
    shop.sell(shop.ada, "basic", coupons=tuple(coupons))
    assert shop.totals() == [total]


def test_a_percentage_is_off_all_items_and_an_amount_off_the_base() -> None:
    shop = Sale()
    shop.sell(shop.ada, "basic", coupons=("half", "five"), add_ons=[DISK])
    assert shop.totals() == [1300 + 155]


def test_off_one_item_it_leaves_the_others() -> None:
    shop = Sale()
    shop.sell(shop.ada, "basic", add_ons=[DISK])
    shop.give("five", "disk")
    # more than it costs: the rest is lost
    assert shop.totals() == [3410, -310]
    shop.until(at("2026-02-01"))
    assert shop.totals() == [3410, -310, 3100]


@pytest.mark.parametrize(("periods", "totals"), [(1, [1550, 3100, 3100]), (2, [1550, 1550, 3100]), (None, [1550, 1550, 1550])])
def test_it_lasts_for_so_many_periods(periods: int | None, totals: list[int]) -> None:
    shop = Sale(periods=periods)
    shop.sell(shop.ada, "basic", coupons=("half",))
    shop.until(at("2026-03-01"))
    assert shop.totals() == totals


def test_given_later_it_counts_from_the_next_period_and_taken_away_until_the_next() -> None:
    shop = Sale()
    shop.sell(shop.ada, "basic")
    shop.until(at("2026-01-11"))
    shop.give("half")
    shop.until(at("2026-02-11"))
    shop.take_away("half")
    shop.until(at("2026-03-01"))
    assert shop.totals() == [3100, 1550, 3100]


def test_after_a_trial_its_periods_are_those_that_cost() -> None:
    shop = Sale(periods=1)
    shop.price("tried", 3100, trial_days=14)
    shop.sell(shop.ada, "tried", coupons=("half",))
    shop.until(at("2026-02-15"))
    assert shop.totals() == [1550, 3100]


class TestChanges:
    def test_what_was_taken_off_is_taken_back_in_part_and_the_rest_of_the_period_costs_less_too(self) -> None:
        shop = Sale(periods=1)
        shop.sell(shop.ada, "basic", coupons=("half",))
        shop.until(at("2026-01-11"))
        shop.change(price="plus")
        assert shop.totals() == [1550, -1050 + 2100]
        shop.until(at("2026-02-01"))
        assert shop.totals()[-1] == 6200

    def test_an_amount_is_taken_off_a_period_once_whatever_is_changed_in_it(self) -> None:
        shop = Sale()
        shop.sell(shop.ada, "basic", coupons=("five",))
        shop.until(at("2026-01-11"))
        shop.change(quantity=2)
        assert shop.billed() == 1000 + 4200 - 500

    @pytest.mark.parametrize("coupon", ["half", "five", "hundred"])
    def test_there_and_back_comes_to_nothing(self, coupon: str) -> None:
        shop = Sale(periods=2)
        shop.sell(shop.ada, "basic", coupons=(coupon,), add_ons=[DISK])
        before = shop.billed()
        shop.until(at("2026-01-11"))
        for body in ({"price": "yearly"}, {"quantity": 3, "add_ons": []}, {"price": "basic", "quantity": 1, "add_ons": [DISK]}):
            shop.change(**body)
        assert shop.billed() == before
        # and the periods that are left are as many as before
        shop.until(at("2026-03-01"))
        assert shop.totals()[-2:] == [before, 3410]

    def test_cancelled_with_credit_no_more_is_given_back_than_was_paid(self) -> None:
        shop = Sale()
        shop.sell(shop.ada, "basic", coupons=("half",))
        shop.until(at("2026-01-11"))
        shop.end(at="now", credit=True)
        assert (shop.totals(), shop.credit()) == ([1550, -1050], 1050)

    def test_what_is_added_after_its_last_period_costs_the_full_price(self) -> None:
        shop = Sale(periods=1)
        shop.sell(shop.ada, "basic", coupons=("half",))
        shop.until(at("2026-02-01"))
        shop.change(add_ons=[DISK])
        shop.until(at("2026-03-01"))
        assert shop.totals() == [1550, 3100, 310, 3410]


class TestPrices:
    def sold(self, price: str) -> Sale:
        shop = Sale()
        shop.coupon("only-plus", percent="50", prices=["plus", "storage"])
        shop.sell(shop.ada, price, add_ons=[DISK])
        return shop

    def test_it_is_off_its_prices_only(self) -> None:
        shop = self.sold("basic")
        shop.give("only-plus")
        assert shop.totals() == [3410, -155]
        shop.until(at("2026-02-01"))
        shop.change(price="plus")
        shop.until(at("2026-03-01"))
        assert shop.totals()[-1] == 3100 + 155

    def test_it_is_refused_where_it_is_for_nothing_that_is_sold(self) -> None:
        shop = self.sold("basic")
        with pytest.raises(RuleViolated, match="coupon_for_other_price"):
            shop.give("only-plus", "base")


def test_what_cannot_be_is_refused() -> None:
    shop = Sale(redeem_by="2026-01-05T00:00:00Z")
    shop.sell(shop.ada, "basic", coupons=("half",))
    for coupon, item, error, code in (
        ("half", None, RuleViolated, "coupon_used"),
        ("none", None, NotFound, "coupon_not_found"),
        ("tenth", "disk", NotFound, "item_not_found"),
    ):
        with pytest.raises(error, match=code):
            shop.give(coupon, item)
    shop.until(at("2026-01-06"))
    with pytest.raises(RuleViolated, match="coupon_over"):
        shop.give("tenth")
    shop.take_away("half")
    with pytest.raises(NotFound):
        shop.take_away("half")
    with pytest.raises(RuleViolated, match="coupon_used"):
        shop.give("half")
