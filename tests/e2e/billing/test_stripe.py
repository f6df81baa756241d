"""What Stripe's documentation of Billing says of prices, prorations, billing cycles, trials and coupons, with its figures.

Stripe prorates to the second, which is a policy of the storefront here.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.billing.shop import Shop


@pytest.fixture
def stripe(shop: Shop) -> Shop:
    return shop.opens(billing={"proration": {"by": "second"}})


def priced(shop: Shop, **pricing: Any) -> str:
    return shop.price(None, "month", charges=[{"id": "fee", "name": "Projects", "pricing": pricing}])


TIERS = [
    {"up_to": 5, "unit_amount": "700"},
    {"up_to": 10, "unit_amount": "650"},
    {"up_to": None, "unit_amount": "600"},
]


@pytest.mark.parametrize(
    ("pricing", "quantity", "total"),
    [
        ({"model": "volume", "tiers": TIERS}, "1", 700),
        ({"model": "volume", "tiers": TIERS}, "5", 3500),
        ({"model": "volume", "tiers": TIERS}, "6", 3900),
        ({"model": "volume", "tiers": TIERS}, "20", 12000),
        ({"model": "graduated", "tiers": TIERS}, "1", 700),
        ({"model": "graduated", "tiers": TIERS}, "5", 3500),
        ({"model": "graduated", "tiers": TIERS}, "6", 4150),
        ({"model": "graduated", "tiers": TIERS}, "20", 12750),
        ({"model": "package", "size": 5, "amount": 2500}, "8", 5000),
        ({"model": "per_unit", "unit_amount": "0.05"}, "1050", 53),
        ({"model": "flat", "amount": 0}, "3", 0),
    ],
)
def test_pricing_models(stripe: Shop, pricing: dict[str, Any], quantity: str, total: int) -> None:
    """Pricing models: volume and graduated tiers, packages, decimal amounts (half a cent is rounded up), free"""
    ada = stripe.account("2026-01-01")
    ada.buys(priced(stripe, **pricing), quantity=quantity)
    (invoice,) = ada.invoices()
    assert invoice["total"]["amount"] == total


class TestProration:
    def test_half_of_the_month_is_left(self, stripe: Shop) -> None:
        """Prorations: from 10 to 20 halfway through the period is 5 less and 10 more"""
        basic, pro = stripe.price("10", "month"), stripe.price("20", "month")
        ada = stripe.account("2026-04-01")
        plan = ada.buys(basic)
        ada.on("2026-04-16")
        plan.does("change", price=pro)
        ada.on("2026-05-01")
        ada.is_billed("""
            recurring 2026-04-01 2026-05-01 10

            credit    2026-04-16 2026-05-01 -5
            proration 2026-04-16 2026-05-01 10

            recurring 2026-05-01 2026-06-01 20
        """)

    def test_none(self, shop: Shop) -> None:
        """Prorations, disabled: the new price counts from the next period on"""
        shop.opens(billing={"proration": {"by": "none"}})
        basic, pro = shop.price("10", "month"), shop.price("20", "month")
        ada = shop.account("2026-04-01")
        plan = ada.buys(basic)
        ada.on("2026-04-16")
        plan.does("change", price=pro)
        ada.on("2026-05-01")
        ada.is_billed("""
            recurring 2026-04-01 2026-05-01 10

            recurring 2026-05-01 2026-06-01 20
        """)

    def test_seats(self, stripe: Shop) -> None:
        """Subscription quantities: three more seats from the middle of the period on"""
        ada = stripe.account("2026-04-01")
        plan = ada.buys(stripe.price("10", "month"), quantity="5")
        ada.on("2026-04-16")
        plan.does("change", quantity="8")
        ada.is_billed("""
            recurring 2026-04-01 2026-05-01  50

            credit    2026-04-16 2026-05-01 -25
            proration 2026-04-16 2026-05-01  40
        """)

    def test_another_interval_begins_at_once(self, stripe: Shop) -> None:
        """Prorations: a change from months to a year moves the billing date to the day of the change"""
        monthly, yearly = stripe.price("10", "month"), stripe.price("100", "year")
        ada = stripe.account("2026-04-01")
        plan = ada.buys(monthly)
        ada.on("2026-04-16")
        plan.does("change", price=yearly, billing_day=16)
        ada.is_billed("""
            recurring 2026-04-01 2026-05-01  10

            credit    2026-04-16 2026-05-01  -5
            recurring 2026-04-16 2027-04-16 100
        """)

    @pytest.mark.parametrize(("credit", "lines"), [(True, "credit 2026-04-16 2026-05-01 -5\nto account 5"), (False, "")])
    def test_cancelled_at_once(self, stripe: Shop, credit: bool, lines: str) -> None:
        """Cancel subscriptions, with and without proration"""
        ada = stripe.account("2026-04-01")
        plan = ada.buys(stripe.price("10", "month"))
        ada.on("2026-04-16")
        ada.is_billed("recurring 2026-04-01 2026-05-01 10")
        plan.does("cancel", at="now", credit=credit)
        ada.on("2026-06-01")
        ada.is_billed(lines)


class TestBillingCycle:
    def test_the_last_day_of_february(self, stripe: Shop) -> None:
        """Set billing cycles: a year from 29 February"""
        ada = stripe.account("2024-02-29")
        ada.buys(stripe.price("100", "year"))
        ada.on("2028-02-29")
        ends = [ada.local(invoice["lines"][0]["period"]["end"]) for invoice in ada.invoices()]
        assert ends == ["2025-02-28", "2026-02-28", "2027-02-28", "2028-02-29", "2029-02-28"]

    @pytest.mark.parametrize(("first_period", "first"), [("prorated", "proration 2026-04-16 2026-05-01 5"), ("free", "")])
    def test_an_anchor_in_the_future(self, shop: Shop, first_period: str, first: str) -> None:
        """Set billing cycles: a first part that is prorated, or free; half of April is left"""
        shop.opens(billing={"proration": {"by": "second", "first_period": first_period}})
        ada = shop.account("2026-04-16", billing_day=1)
        ada.buys(shop.price("10", "month"))
        ada.is_billed(first)
        ada.on("2026-05-01")
        ada.is_billed("recurring 2026-05-01 2026-06-01 10")


class TestTrial:
    def test_ended_early(self, stripe: Shop) -> None:
        """Use trial periods: trial_end now begins the first period"""
        ada = stripe.account("2026-04-01")
        plan = ada.buys(stripe.price("10", "month", trial_days=30))
        ada.on("2026-04-11")
        assert plan.shown()["state"] == "trial"
        plan.does("trial")
        ada.on("2026-05-12")
        ada.is_billed("""
            recurring 2026-04-11 2026-05-11 10

            recurring 2026-05-11 2026-06-11 10
        """)

    def test_extended(self, stripe: Shop) -> None:
        """Use trial periods: a later trial_end"""
        ada = stripe.account("2026-04-01")
        plan = ada.buys(stripe.price("10", "month", trial_days=7))
        plan.does("trial", trial_ends_at="2026-04-20")
        ada.on("2026-04-20")
        ada.is_billed("recurring 2026-04-20 2026-05-20 10")

    def test_cancelled_with_it(self, stripe: Shop) -> None:
        """Use trial periods: cancel at the end of the trial; nothing was billed"""
        ada = stripe.account("2026-04-01")
        plan = ada.buys(stripe.price("10", "month", trial_days=7))
        plan.does("cancel", at="period_end")
        ada.on("2026-06-01")
        ada.is_billed()
        assert ada.local(plan.shown()["ended_at"]) == "2026-04-08"


class TestCoupons:
    @pytest.mark.parametrize(
        ("coupon", "totals"),
        [
            ({"percent": "25", "periods": 1}, [750, 1000, 1000, 1000]),
            ({"percent": "25", "periods": 3}, [750, 750, 750, 1000]),
            ({"percent": "25"}, [750, 750, 750, 750]),
            ({"amount": {"amount": 300, "currency": "USD"}, "periods": 2}, [700, 700, 1000, 1000]),
            ({"amount": {"amount": 3000, "currency": "USD"}}, [0, 0, 0, 0]),
        ],
    )
    def test_durations(self, stripe: Shop, coupon: dict[str, Any], totals: list[int]) -> None:
        """Coupons: once, repeating, forever; an amount takes off no more than there is"""
        ada = stripe.account("2026-01-01")
        ada.buys(stripe.price("10", "month"), coupons=[stripe.coupon(**coupon)])
        ada.on("2026-04-01")
        assert [invoice["total"]["amount"] for invoice in ada.invoices()] == totals

    def test_a_discount_is_prorated_with_what_it_is_of(self, stripe: Shop) -> None:
        """Prorations and discounts: 10 % off what is taken back, and off what is sold instead"""
        basic, pro = stripe.price("10", "month"), stripe.price("20", "month")
        ada = stripe.account("2026-04-01")
        plan = ada.buys(basic, coupons=[stripe.coupon(percent="10")])
        ada.on("2026-04-16")
        plan.does("change", price=pro)
        ada.is_billed("""
            recurring 2026-04-01 2026-05-01 10
            discount  2026-04-01 2026-05-01 -1

            credit    2026-04-16 2026-05-01 -5
            discount  2026-04-16 2026-05-01 0.50
            proration 2026-04-16 2026-05-01 10
            discount  2026-04-16 2026-05-01 -1
        """)

    def test_removed(self, stripe: Shop) -> None:
        """Coupons: what begins later costs what it does without"""
        coupon = stripe.coupon(percent="50")
        ada = stripe.account("2026-04-01")
        plan = ada.buys(stripe.price("10", "month"), coupons=[coupon])
        plan.does("remove-coupon", coupon=coupon)
        ada.on("2026-05-01")
        assert [invoice["total"]["amount"] for invoice in ada.invoices()] == [500, 1000]


def test_a_price_that_was_bought_stays(stripe: Shop) -> None:
    """Change price: a new version is for who moves to it"""
    price = stripe.price("10", "month")
    ada = stripe.account("2026-04-01")
    plan = ada.buys(price)
    version = {"amount": {"amount": 1200, "currency": "USD"}, "interval": {"unit": "month"}}
    stripe.done(f"/v1/prices/{price}/versions", version)
    ada.on("2026-05-01")
    plan.does("change", price=price, at="period_end")
    ada.on("2026-06-01")
    ada.is_billed("""
        recurring 2026-04-01 2026-05-01 10

        recurring 2026-05-01 2026-06-01 10

        recurring 2026-06-01 2026-07-01 12
    """)


def test_a_cancellation_is_thought_better_of(stripe: Shop) -> None:
    """Cancel subscriptions: cancel_at_period_end, reactivated before the end of the period"""
    ada = stripe.account("2026-04-01")
    plan = ada.buys(stripe.price("10", "month"))
    plan.does("cancel", at="period_end")
    assert ada.local(plan.shown()["access_until"]) == "2026-05-01"
    ada.on("2026-04-30")
    plan.does("uncancel")
    ada.on("2026-05-01")
    ada.is_billed("""
        recurring 2026-04-01 2026-05-01 10

        recurring 2026-05-01 2026-06-01 10
    """)


@pytest.mark.parametrize(("released", "last"), [(False, 3000), (True, 1000)])
def test_a_schedule_is_replaced_and_released(stripe: Shop, released: bool, last: int) -> None:
    """Subscription schedules: the last one given counts; released, all stays as it is"""
    basic, pro, most = (stripe.price(amount, "month") for amount in ("10", "20", "30"))
    ada = stripe.account("2026-04-01")
    plan = ada.buys(basic)
    plan.does("change", price=pro, at="period_end")
    plan.does("change", price=most, at="2026-06-01")
    if released:
        plan.does("withdraw-change")
    ada.on("2026-06-01")
    assert [invoice["total"]["amount"] for invoice in ada.invoices()] == [1000, 1000, last]


def test_another_currency_from_the_next_period_on(stripe: Shop) -> None:
    """A customer has a balance in each currency; a subscription is in one at a time"""
    dollars, euros = stripe.price("10", "month"), stripe.price("9", "month", currency="EUR")
    ada = stripe.account("2026-04-01")
    plan = ada.buys(dollars)
    assert plan.refused("change", price=euros)["errors"][0]["pointer"] == "/price"
    plan.does("change", price=euros, at="period_end")
    ada.on("2026-05-01")
    assert [(invoice["total"]["amount"], invoice["currency"]) for invoice in ada.invoices()] == [(1000, "USD"), (900, "EUR")]


def test_a_void_invoice_is_billed_anew(stripe: Shop) -> None:
    """Void invoices: nothing is owed on it; what it was for stands on the next one"""
    stripe.opens(billing={"payment_terms_days": 14})
    ada = stripe.account("2026-04-01")
    ada.buys(stripe.price("10", "month"))
    (wrong,) = ada.is_billed("recurring 2026-04-01 2026-05-01 10")
    stripe.done(f"/v1/invoices/{wrong['id']}/void", {"reason": "Wrong address", "rebill": True})
    (right,) = ada.is_billed("recurring 2026-04-01 2026-05-01 10")
    ada.on("2026-04-16")
    assert [invoice["status"] for invoice in ada.invoices()] == ["void", "paid"]
    assert ada.local(right["due_at"]) == "2026-04-15"
