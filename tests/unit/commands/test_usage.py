"""What was used is billed at the end of its period, once, by what the meter counts; what comes late is put right."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from commands.catalog.change_storefront import ChangeStorefront, change_storefront
from commands.catalog.create_coupon import CreateCoupon, create_coupon
from commands.catalog.create_meter import CreateMeter, create_meter
from commands.catalog.publish_price import PublishPrice, publish_price
from commands.subscription.cancel import CancelSubscription, cancel
from commands.subscription.change import ChangeSubscription, change
from commands.subscription.discounts import ApplyCoupon, apply_coupon
from commands.usage.record import RecordUsage, record_usage
from domain.customer.aggregate import Customer
from domain.errors import NotFound, RuleViolated
from domain.money import Money
from domain.usage.aggregate import Usage
from tests.unit.commands.shop import Shop
from tests.unit.commands.world import at

GRADUATED = {
    "model": "graduated",
    "tiers": [{"up_to": 100, "unit_amount": "10"}, {"up_to": None, "unit_amount": "0.5"}],
}
PER_UNIT = {"model": "per_unit", "unit_amount": "2"}


class Exchange(Shop):
    """Sells calls at a fee of 5.00 a month and 10 cents each, from the 101st on half a cent."""

    def __init__(
        self, aggregation: str = "sum", pricing: dict[str, Any] = GRADUATED, unit: str = "month", billing: Any = None
    ) -> None:
        super().__init__()
        policy = ChangeStorefront.model_validate({"billing": billing or {}})
        self.client(lambda unit: change_storefront(unit, "web", policy))
        meter = CreateMeter.model_validate({"id": "calls", "name": "Calls", "aggregation": aggregation})
        self.client(lambda unit: create_meter(unit, meter))
        self.publish("metered", pricing, unit=unit)
        self.ada = self.register()
        self.sold = self.sell(self.ada, "metered")

    def publish(self, id: str, pricing: dict[str, Any], **more: Any) -> None:
        charges = [
            {"id": "fee", "name": "Line", "pricing": {"model": "flat", "amount": 500}},
            {"id": "calls", "name": "Calls", "kind": "usage", "meter": "calls", "pricing": pricing, **more.pop("charge", {})},
        ]
        interval = {"unit": more.pop("unit", "month")}
        body = {"id": id, "bundle": "gold", "currency": "EUR", "charges": charges, "interval": interval, **more}
        request = PublishPrice.model_validate(body)
        self.client(lambda unit: publish_price(unit, request))

    def use(self, quantity: str | None = None, at: str | None = None, value: str | None = None, key: str = "") -> Usage:
        self._used = getattr(self, "_used", 0) + 1
        id = key or str(self._used)
        body = {"subscription": self.sold.id, "meter": "calls", "quantity": quantity, "value": value, "at": at}
        request = RecordUsage.model_validate({**body, "source": "gateway", "id": id})
        found = self.client(lambda unit: record_usage(unit, request), self.ada, f"once:{id}")
        assert isinstance(found, Usage)
        return found

    def lines(self) -> list[tuple[str, str, int]]:
        """Of the newest invoice."""
        return [(line.charge, f"{line.quantity:f}", line.amount) for line in self.invoices()[-1].lines]


def test_it_is_billed_with_the_fee_of_the_next_period() -> None:
    shop = Exchange()
    shop.use("60", "2026-01-01T00:00:00Z")
    shop.until(at("2026-01-20"))
    shop.use("50", "2026-01-19T12:00:00Z")
    shop.until(at("2026-02-01"))
    assert shop.lines() == [("calls", "110", 1005), ("fee", "1", 500)]
    assert [line.kind for line in shop.invoices()[-1].lines] == ["usage", "recurring"]
    shop.until(at("2026-03-01"))
    assert shop.lines() == [("fee", "1", 500)]


@pytest.mark.parametrize(
    ("aggregation", "expected"), [("sum", "16"), ("max", "9"), ("last", "3"), ("count", "3"), ("unique", "2")]
)
def test_what_records_come_to(aggregation: str, expected: str) -> None:
    shop = Exchange(aggregation, PER_UNIT)
    shop.until(at("2026-01-31"))
    for day, quantity in ((3, "9"), (20, "3"), (12, "4")):
        if aggregation == "unique":
            shop.use(value="odd" if int(quantity) % 2 else "even", at=f"2026-01-{day:02d}T00:00:00Z")
        else:
            shop.use(None if aggregation == "count" else quantity, f"2026-01-{day:02d}T00:00:00Z")
    shop.until(at("2026-02-01"))
    assert shop.lines()[0] == ("calls", expected, 2 * int(expected))


def test_the_same_record_counts_once() -> None:
    shop = Exchange(pricing=PER_UNIT)
    shop.use("5", key="one")
    before = len(shop.said)
    shop.use("5", key="one")
    assert len(shop.said) == before
    shop.until(at("2026-02-01"))
    assert shop.lines()[0] == ("calls", "5", 10)


def test_a_period_is_half_open() -> None:
    shop = Exchange(pricing=PER_UNIT)
    shop.until(at("2026-02-01"))
    shop.use("3", "2026-02-01T00:00:00Z")
    shop.use("4", "2026-01-31T23:59:59.999999Z")
    shop.until(at("2026-03-01"))
    assert shop.lines() == [("calls", "4", 8), ("calls", "3", 6), ("fee", "1", 500)]


def test_what_comes_late_changes_its_own_period_only() -> None:
    shop = Exchange()
    shop.use("100")
    shop.until(at("2026-02-01"))
    shop.use("100")
    shop.until(at("2026-02-10"))
    shop.use("20", "2026-01-30T00:00:00Z")
    shop.until(at("2026-03-01"))
    lines = [(f"{line.period_start:%m-%d}", line.amount) for line in shop.invoices()[-1].lines]
    assert lines == [("01-01", 10), ("02-01", 1000), ("03-01", 500)]


def test_what_comes_late_goes_on_the_draft_of_its_period() -> None:
    shop = Exchange(pricing=PER_UNIT, billing={"draft_days": 3})
    shop.use("10")
    shop.until(at("2026-02-02"))
    assert [(invoice.state, invoice.total) for invoice in shop.invoices()][-1] == ("draft", 520)
    shop.use("5", "2026-01-31T00:00:00Z")
    shop.until(at("2026-02-04"))
    assert shop.lines() == [("calls", "10", 20), ("fee", "1", 500), ("calls", "15", 10)]
    assert (shop.invoices()[-1].state, shop.invoices()[-1].total) == ("paid", 530)
    shop.until(at("2026-03-01"))
    assert shop.lines() == [("fee", "1", 500)]


def test_a_correction_is_given_back() -> None:
    shop = Exchange(pricing=PER_UNIT)
    shop.use("100")
    shop.until(at("2026-02-10"))
    shop.use("-40", "2026-01-30T00:00:00Z")
    shop.until(at("2026-03-01"))
    assert shop.lines() == [("calls", "60", -80), ("fee", "1", 500)]


def test_after_the_end_what_comes_late_is_billed_at_once() -> None:
    shop = Exchange(pricing=PER_UNIT)
    shop.until(at("2026-01-10"))
    shop.use("7", "2026-01-05T00:00:00Z")
    end = CancelSubscription.model_validate({"at": "now"})
    shop.client(lambda unit: cancel(unit, shop.sold.id, end), shop.ada)
    assert shop.lines() == [("calls", "7", 14)]
    shop.use("1", "2026-01-09T00:00:00Z")
    assert shop.lines() == [("calls", "8", 2)]
    with pytest.raises(RuleViolated, match="date_outside_term"):
        shop.use("1", "2026-01-10T00:00:00Z")


def test_each_price_bills_what_was_used_at_its_time() -> None:
    shop = Exchange(pricing=PER_UNIT)
    shop.publish("dear", {"model": "per_unit", "unit_amount": "7"})
    shop.use("10")
    shop.until(at("2026-01-16"))
    request = ChangeSubscription.model_validate({"price": "dear"})
    shop.client(lambda unit: change(unit, shop.sold.id, request), shop.ada)
    used = [(line.charge, line.amount) for line in shop.invoices()[-1].lines if line.kind == "usage"]
    assert used == [("calls", 20)]
    shop.use("1")
    shop.use("1", "2026-01-02T00:00:00Z")  # at the old price
    shop.until(at("2026-02-01"))
    assert [(line.charge, line.amount) for line in shop.invoices()[-1].lines] == [("calls", 2), ("calls", 7), ("fee", 500)]


def test_an_amount_off_is_taken_off_usage_once_a_period() -> None:
    shop = Exchange(pricing=PER_UNIT)
    shop.publish("again", PER_UNIT)
    coupon = CreateCoupon(id="off", name="Off", amount=Money(amount=650, currency="EUR"))
    shop.client(lambda unit: create_coupon(unit, coupon))
    shop.until(at("2026-01-20"))
    given = ApplyCoupon(coupon="off")
    shop.client(lambda unit: apply_coupon(unit, shop.sold.id, given), shop.ada)
    shop.until(at("2026-02-10"))
    shop.use("100", "2026-02-03T00:00:00Z")
    request = ChangeSubscription.model_validate({"price": "again"})
    shop.client(lambda unit: change(unit, shop.sold.id, request), shop.ada)
    shop.until(at("2026-02-20"))
    shop.use("100", "2026-02-15T00:00:00Z")
    shop.until(at("2026-03-01"))
    off = [line.amount for invoice in shop.invoices() for line in invoice.lines if line.discount and line.charge == "calls"]
    assert off == [-150]


def test_it_is_counted_on_where_only_the_quantity_changes() -> None:
    shop = Exchange(pricing={"model": "package", "size": 100, "amount": 50, "free_units": 1000})
    shop.until(at("2026-01-10"))
    shop.use("1000")
    shop.until(at("2026-01-16"))
    request = ChangeSubscription.model_validate({"quantity": "2"})
    shop.client(lambda unit: change(unit, shop.sold.id, request), shop.ada)
    shop.until(at("2026-01-20"))
    shop.use("1000")
    shop.until(at("2026-02-01"))
    assert shop.lines()[0] == ("calls", "2000", 500)


def test_what_comes_after_the_end_is_billed_where_nothing_was_used_before() -> None:
    shop = Exchange(pricing=PER_UNIT)
    request = CancelSubscription.model_validate({"at": "period_end"})
    shop.client(lambda unit: cancel(unit, shop.sold.id, request), shop.ada)
    shop.until(at("2026-02-02"))
    shop.use("7", "2026-01-30T00:00:00Z")
    assert shop.lines() == [("calls", "7", 14)]


def test_an_amount_off_is_taken_off_once_a_period_whatever_comes_first() -> None:
    shop = Exchange(pricing=PER_UNIT)
    calls = {"id": "calls", "name": "Calls", "kind": "usage", "meter": "calls", "pricing": PER_UNIT}
    fee = {"id": "fee", "name": "Line", "pricing": {"model": "flat", "amount": 1000}}
    body = {"id": "mixed", "bundle": "gold", "currency": "EUR", "charges": [calls, fee], "interval": {"unit": "month"}}
    shop.client(lambda unit: publish_price(unit, PublishPrice.model_validate(body)))
    coupon = CreateCoupon(id="off", name="Off", amount=Money(amount=500, currency="EUR"))
    shop.client(lambda unit: create_coupon(unit, coupon))
    shop.sold = shop.sell(shop.ada, "mixed", coupons=("off",))
    for day in ("01-10", "02-10"):
        shop.until(at(f"2026-{day}"))
        shop.use("1000")
    shop.until(at("2026-03-01"))
    off = [line for invoice in shop.invoices() for line in invoice.lines if line.discount]
    assert [(line.charge, line.period_start, line.amount) for line in off] == [
        ("fee", at(f"2026-{month:02d}-01"), -500) for month in (1, 2, 3)
    ]


def test_a_year_adds_up_its_months() -> None:
    shop = Exchange(pricing=PER_UNIT, unit="year")
    for month in range(1, 13):
        shop.until(at(f"2026-{month:02d}-15"))
        shop.use("1.5")
    shop.until(at("2027-01-01"))
    assert shop.lines()[0] == ("calls", "18.0", 36)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"quantity": None}, "quantity_missing"),
        ({"quantity": "1", "value": "x"}, "value_not_metered"),
        ({"quantity": "1", "at": "2026-01-01T00:06:00Z"}, "date_in_future"),
        ({"quantity": "1", "at": "2025-12-31T23:59:59Z"}, "date_outside_term"),
        ({"quantity": "1000000000000"}, "amount_too_large"),
    ],
)
def test_what_cannot_be_is_refused(body: dict[str, Any], code: str) -> None:
    shop = Exchange(pricing=PER_UNIT)
    before = len(shop.said)
    with pytest.raises(RuleViolated, match=code):
        shop.use(**body)
    assert len(shop.said) == before


def test_only_a_sum_is_corrected() -> None:
    with pytest.raises(RuleViolated, match="negative_quantity"):
        Exchange("max").use("-1")


@pytest.mark.parametrize(
    ("charge", "error", "code"),
    [
        ({"meter": None}, RuleViolated, "meter_missing"),
        ({"meter": "clicks"}, NotFound, "clicks"),
        ({"kind": "recurring"}, RuleViolated, "not_metered"),
    ],
)
def test_usage_is_priced_by_a_meter(charge: dict[str, Any], error: type[Exception], code: str) -> None:
    shop = Exchange()
    with pytest.raises(error, match=code):
        shop.publish("other", PER_UNIT, charge=charge)


def test_nothing_is_lost_or_made_over_a_year() -> None:
    shop = Exchange(pricing=PER_UNIT)
    for day in range(1, 28):
        shop.until(at(f"2026-04-{day:02d}"))
        shop.use(str(day), f"2026-{1 + day % 3:02d}-{1 + day % 27:02d}T00:00:00Z")
    shop.until(at("2026-12-31"))
    used = sum(line.amount for invoice in shop.invoices() for line in invoice.lines if line.charge == "calls")
    assert used == 2 * sum(range(1, 28))
    assert shop.get(Customer, shop.ada).credit("EUR") == 0
    assert all(usage.volume > Decimal(0) for usage in shop.streams.all(Usage))


def test_another_currency_has_an_invoice_of_its_own() -> None:
    """What was used is owed in the currency in which it was sold, also where that changes the instant it falls due."""
    shop = Exchange(pricing=PER_UNIT)
    shop.price("dollars", 700, currency="USD")
    shop.use("10")
    request = ChangeSubscription.model_validate({"price": "dollars", "at": "period_end"})
    shop.client(lambda unit: change(unit, shop.sold.id, request), shop.ada)
    shop.until(at("2026-02-01"))
    invoices = [(invoice.currency, invoice.state, invoice.total) for invoice in shop.invoices()]
    assert invoices == [("EUR", "paid", 500), ("EUR", "paid", 20), ("USD", "paid", 700)]
    shop.until(at("2026-03-01"))
    assert [invoice.total for invoice in shop.invoices()][3:] == [700]
