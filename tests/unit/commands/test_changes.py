"""What is sold is changed, at once or later: what that takes back, and what is owed instead."""

from __future__ import annotations

from typing import Any

import pytest

from commands.subscription.cancel import uncancel
from commands.subscription.change_scheduled import withdraw_change
from commands.subscription.trial import SetTrialEnd, set_trial_end
from domain.errors import RuleViolated, WrongState
from domain.invoice.aggregate import Invoice
from tests.unit.commands.counter import Counter
from tests.unit.commands.world import at

DISK = {"id": "disk", "price": "storage"}


@pytest.mark.parametrize(
    ("later", "meanwhile", "price", "quantity", "add_ons"),
    [
        ({"price": "plus"}, {"quantity": "5"}, "plus", 5, []),
        ({"price": "plus"}, {"add_ons": [DISK]}, "plus", 1, ["disk"]),
        ({"quantity": "5"}, {"price": "plus"}, "plus", 5, []),
        ({"add_ons": [DISK]}, {"quantity": "2"}, "basic", 2, ["disk"]),
        ({"price": "plus"}, {"price": "yearly"}, "plus", 1, []),
    ],
)
def test_what_a_scheduled_change_leaves_out_stays_as_it_is_by_then(
    later: dict[str, Any], meanwhile: dict[str, Any], price: str, quantity: int, add_ons: list[str]
) -> None:
    shop = Counter()
    shop.sell(shop.ada, "basic")
    shop.change(**later, at="2026-01-20T00:00:00Z")
    shop.until(at("2026-01-11"))
    shop.change(**meanwhile)
    shop.until(at("2026-01-20"))
    found = shop.subscription()
    assert (found.base.terms.price, int(found.base.quantity), [item.id for item in found.add_ons]) == (price, quantity, add_ons)
    assert found.scheduled is None


def test_a_change_with_the_trials_end_moves_with_it() -> None:
    shop = Counter()
    shop.priced("tried", [{"id": "fee", "name": "Fee", "pricing": {"model": "flat", "amount": 3100}}], trial_days=14)
    shop.sell(shop.ada, "tried")
    shop.change(price="plus", at="period_end")
    later = SetTrialEnd.model_validate({"trial_ends_at": "2026-01-31T00:00:00Z"})
    shop.client(lambda unit: set_trial_end(unit, shop.subscription().id, later), shop.ada)
    shop.until(at("2026-01-30"))
    assert (shop.subscription().state, shop.billed()) == ("trial", 0)
    shop.until(at("2026-01-31"))
    assert (shop.subscription().base.terms.price, shop.billed()) == ("plus", 6200)


def test_a_term_begins_when_its_price_is_first_sold() -> None:
    shop = Counter()
    shop.priced("term", [{"id": "fee", "name": "Fee", "pricing": {"model": "flat", "amount": 2800}}], term_periods=12)
    shop.sell(shop.ada, "basic")
    shop.until(at("2027-03-15"))
    assert shop.change(price="term").term_ends_at == at("2028-03-15")
    assert shop.change(quantity=2).term_ends_at == at("2028-03-15")


@pytest.mark.parametrize("meanwhile", [{"quantity": "2"}, {"price": "plus", "at": "2026-01-10T00:00:00Z"}])
def test_the_credit_of_an_end_that_is_set_is_not_lost_by_a_change(meanwhile: dict[str, Any]) -> None:
    shop = Counter()
    shop.sell(shop.ada, "basic")
    if "at" in meanwhile:
        shop.change(**meanwhile)
    shop.end(at="2026-01-20T00:00:00Z", credit=True)
    shop.until(at("2026-01-06"))
    if "at" not in meanwhile:
        shop.change(**meanwhile)
    shop.until(at("2026-03-01"))
    # 5 days of 31.00 and 14 of twice that; or 9 and 10
    assert shop.billed() == (3300 if "quantity" in meanwhile else 2900)


def test_cancelled_without_credit_nothing_is_owed_beyond_what_was_owed_anyway() -> None:
    shop = Counter("2026-02-01")
    shop.priced("term", [{"id": "fee", "name": "Fee", "pricing": {"model": "flat", "amount": 3100}}], term_periods=3)
    shop.sell(shop.ada, "term", billing_day=13)
    shop.until(at("2026-04-20"))
    before = shop.billed()
    shop.end(at="now")
    shop.until(at("2026-06-01"))
    assert shop.billed() == before


def test_the_day_of_a_cancellation_is_no_day_of_the_next_period() -> None:
    shop = Counter("2026-01-01T22:00", proration={"last_day": "billed"})
    shop.sell(shop.ada, "basic")
    shop.until(at("2026-02-01T10:00"))
    shop.end(at="now")
    shop.until(at("2026-04-01"))
    assert shop.billed() == 3100


def test_an_upgrade_is_charged_for_the_days_that_are_left() -> None:
    shop = Counter()
    shop.sell(shop.ada, "basic")
    shop.until(at("2026-01-11"))

    changed = shop.change(price="plus")

    assert (changed.terms.price, changed.last_period and changed.last_period.end) == ("plus", at("2026-02-01"))
    assert shop.lines() == [("credit", "01-11", "02-01", -2100), ("proration", "01-11", "02-01", 4200)]
    invoice = shop.invoices()[-1]
    assert (invoice.total, invoice.open, [amount for _, amount, _ in invoice.applied]) == (2100, 0, [2100])
    # and from then on it is billed as it is sold
    shop.until(at("2026-02-01"))
    assert shop.lines() == [("recurring", "02-01", "03-01", 6200)]


def test_what_a_downgrade_gives_back_pays_later_invoices() -> None:
    shop = Counter()
    shop.sell(shop.ada, "plus")
    shop.until(at("2026-01-11"))
    shop.change(price="basic")
    invoice = shop.invoices()[-1]
    assert (invoice.total, invoice.credited, invoice.open, shop.credit()) == (-2100, 2100, 0, 2100)

    shop.until(at("2026-02-01"))

    invoice = shop.invoices()[-1]
    assert (invoice.total, invoice.credit_applied, shop.credit()) == (3100, 2100, 0)
    assert [amount for _, amount, _ in invoice.applied] == [1000]


def test_what_is_sold_again_for_the_rest_of_a_period_is_a_part_of_it() -> None:
    shop = Counter()
    shop.sell(shop.ada, "basic")
    shop.until(at("2026-01-11"))
    shop.change(price="plus")
    shop.change(price="basic")
    assert shop.lines() == [("credit", "01-11", "02-01", -4200), ("proration", "01-11", "02-01", 2100)]


@pytest.mark.parametrize("instant", ["2026-01-01", "2026-01-11", "2026-01-31T23:59:59"])
@pytest.mark.parametrize("way", [["yearly"], ["weekly"], ["yearly", "plus", "weekly"]])
def test_there_and_back_at_one_instant_comes_to_nothing(instant: str, way: list[str]) -> None:
    shop = Counter()
    shop.price("weekly", 700, unit="week")
    shop.sell(shop.ada, "basic")
    for price in [*way, "basic"]:
        shop.until(at(instant))
        shop.change(price=price)
    assert shop.billed() == 3100
    assert sum(invoice.open for invoice in shop.invoices()) == 0
    # and it goes on as if nothing had been
    shop.until(at("2026-03-01"))
    assert shop.lines() == [("recurring", "03-01", "04-01", 3100)]


def test_weeks_go_on_as_they_did_after_there_and_back() -> None:
    shop = Counter()
    shop.price("weekly", 700, unit="week")
    shop.sell(shop.ada, "weekly")
    for price in ("basic", "weekly"):
        shop.until(at("2026-01-04"))
        shop.change(price=price)
    assert shop.billed() == 700
    shop.until(at("2026-01-08"))
    assert shop.lines() == [("recurring", "01-08", "01-15", 700)]


def test_a_year_that_replaces_months_begins_on_the_billing_day() -> None:
    shop = Counter("2015-01-01")
    shop.price("leap", 36600, unit="year")
    shop.sell(shop.ada, "basic")
    shop.until(at("2015-03-15"))
    shop.change(price="leap")
    # of 366 days 352 are left (Kill Bill's example)
    assert [amount for kind, *_, amount in shop.lines() if kind == "proration"] == [35200]
    assert shop.subscription().period_end(shop.now) == at("2016-03-01")


def test_units_come_and_go() -> None:
    shop = Counter()
    shop.sell(shop.ada, "basic", quantity=2)
    assert shop.invoices()[-1].total == 6200
    shop.until(at("2026-01-11"))
    shop.change(quantity=5)
    assert shop.invoices()[-1].total == 3 * 2100
    shop.change(quantity=2)
    assert shop.billed() == 6200


def test_add_ons_are_billed_with_the_base() -> None:
    shop = Counter()
    shop.sell(shop.ada, "basic", add_ons=[{"id": "disk", "price": "storage", "quantity": 2}])
    assert shop.lines() == [("recurring", "01-01", "02-01", 3100), ("recurring", "01-01", "02-01", 620)]
    shop.until(at("2026-01-11"))
    shop.change(add_ons=[{"id": "disk", "price": "storage"}])
    assert shop.lines() == [("credit", "01-11", "02-01", -420), ("proration", "01-11", "02-01", 210)]
    shop.change(add_ons=[])
    shop.until(at("2026-02-01"))
    assert shop.lines() == [("recurring", "02-01", "03-01", 3100)]


def test_a_change_in_the_past_bills_what_should_have_been() -> None:
    shop = Counter()
    shop.sell(shop.ada, "basic")
    shop.until(at("2026-03-15"))
    shop.change(price="plus", at="2026-01-11T00:00:00Z", may_backdate=True)
    assert shop.lines() == [
        ("credit", "01-11", "02-01", -2100),
        ("proration", "01-11", "02-01", 4200),
        ("credit", "02-01", "03-01", -3100),
        ("recurring", "02-01", "03-01", 6200),
        ("credit", "03-01", "04-01", -3100),
        ("recurring", "03-01", "04-01", 6200),
    ]


class TestCurrency:
    def charges(self, **more: str) -> list[dict[str, object]]:
        return [{"id": "fee", "name": "Fee", "pricing": {"model": "flat", "amount": 3100}, **more}]

    def test_it_changes_at_the_end_of_the_period_only(self) -> None:
        shop = Counter()
        shop.price("dollars", 3500, currency="USD")
        shop.sell(shop.ada, "basic")
        with pytest.raises(RuleViolated, match="other_currency") as refused:
            shop.change(price="dollars")
        assert refused.value.pointer == "/price"
        shop.change(price="dollars", at="period_end")
        shop.until(at("2026-02-01"))
        assert [(invoice.total, invoice.currency) for invoice in shop.invoices()] == [(3100, "EUR"), (3500, "USD")]

    def test_what_is_billed_in_arrears_stays_in_its_own(self) -> None:
        # given what is billed at the end of the period, in euros
        shop = Counter()
        shop.price("dollars", 3500, currency="USD")
        shop.priced("arrears", self.charges(due="in_arrears"))
        shop.sell(shop.ada, "arrears")
        # when dollars begin at that very instant
        shop.change(price="dollars", at="period_end")
        shop.until(at("2026-02-01"))
        # then there is an invoice of each
        assert [(invoice.total, invoice.currency) for invoice in shop.invoices()] == [(3100, "EUR"), (3500, "USD")]
        assert shop.until(at("2026-02-28")) == []


class TestScheduled:
    def test_at_the_end_of_the_period_it_costs_nothing_extra(self) -> None:
        shop = Counter()
        shop.sell(shop.ada, "plus")
        shop.until(at("2026-01-11"))
        scheduled = shop.change(price="basic", at="period_end")
        assert (scheduled.terms.price, scheduled.change_at) == ("plus", at("2026-02-01"))
        shop.until(at("2026-02-01"))
        assert (shop.subscription().terms.price, shop.subscription().change_at) == ("basic", None)
        assert shop.lines() == [("recurring", "02-01", "03-01", 3100)]

    def test_it_is_replaced_or_withdrawn(self) -> None:
        shop = Counter()
        shop.sell(shop.ada, "plus")
        shop.change(price="basic", at="period_end")
        shop.change(price="yearly", at="period_end")
        assert shop.subscription().scheduled.items[0].terms.price == "yearly"  # type: ignore[union-attr]
        shop.client(lambda unit: withdraw_change(unit, shop.subscription().id), shop.ada)
        shop.until(at("2026-02-01"))
        assert shop.lines() == [("recurring", "02-01", "03-01", 6200)]
        with pytest.raises(WrongState, match="no_change_scheduled"):
            shop.client(lambda unit: withdraw_change(unit, shop.subscription().id), shop.ada)

    def test_a_change_before_it_leaves_it(self) -> None:
        shop = Counter()
        shop.sell(shop.ada, "plus")
        shop.change(price="basic", at="period_end")
        assert shop.change(quantity=2).change_at == at("2026-02-01")

    def test_however_late_it_fires_it_counts_from_its_time(self) -> None:
        shop = Counter()
        shop.sell(shop.ada, "plus")
        shop.change(price="basic", at="period_end")
        shop.now = at("2026-03-05")
        shop.until(at("2026-03-05"))
        assert [invoice.total for invoice in shop.invoices()] == [6200, 3100, 3100]

    def test_periods_that_a_change_before_it_began_go_on(self) -> None:
        shop = Counter(proration={"by": "none"})
        shop.price("weekly", 700, unit="week")
        shop.sell(shop.ada, "weekly")
        shop.change(price="basic", at="period_end")
        shop.until(at("2026-01-03"))
        shop.change(price="basic")
        shop.until(at("2026-02-01"))
        months = [line for invoice in shop.invoices() for line in invoice.lines if line.price == "basic"]
        assert [(line.period_start, line.amount) for line in months] == [(at("2026-01-03"), 3100), (at("2026-02-01"), 3100)]

    def test_what_falls_due_after_it_waits_for_it_where_nobody_served(self) -> None:
        shop = Counter()
        shop.price("weekly", 700, unit="week")
        shop.sell(shop.ada, "basic", add_ons=[{"id": "daily", "price": "weekly"}])
        shop.change(price="plus", at="period_end")

        shop.now = at("2026-02-10")
        shop.until(shop.now)

        lines = [line for invoice in shop.invoices() for line in invoice.lines]
        assert sorted(line.amount for line in lines) == [700] * 6 + [3100, 6200]
        assert shop.subscription().next_bill() == at("2026-02-12")


class TestEnding:
    def test_with_credit_the_days_that_are_left_are_given_back(self) -> None:
        shop = Counter()
        shop.sell(shop.ada, "basic")
        shop.until(at("2026-01-11"))
        shop.end(at="now", credit=True)
        assert shop.lines() == [("credit", "01-11", "02-01", -2100)]
        assert shop.credit() == 2100

    def test_without_credit_nothing_is(self) -> None:
        shop = Counter()
        shop.sell(shop.ada, "basic")
        shop.until(at("2026-01-11"))
        shop.end(at="now")
        assert len(shop.invoices()) == 1

    def test_at_an_instant_the_last_period_is_billed_up_to_it(self) -> None:
        shop = Counter()
        shop.sell(shop.ada, "basic")
        ending = shop.end(at="2026-03-11T00:00:00Z", credit=True)
        assert (ending.cancel_at, ending.access_until) == (at("2026-03-11"), at("2026-03-11"))
        shop.until(at("2026-06-01"))
        assert shop.subscription().state == "cancelled"
        assert shop.lines() == [("proration", "03-01", "03-11", 1000)]
        assert shop.credit() == 0

    def test_thought_better_of_it_goes_on(self) -> None:
        shop = Counter()
        shop.sell(shop.ada, "basic")
        shop.end(at="period_end")
        shop.client(lambda unit: uncancel(unit, shop.subscription().id), shop.ada)
        assert (shop.subscription().cancel_at, shop.subscription().access_until) == (None, None)
        shop.until(at("2026-02-01"))
        assert shop.lines() == [("recurring", "02-01", "03-01", 3100)]
        with pytest.raises(WrongState, match="no_cancellation_scheduled"):
            shop.client(lambda unit: uncancel(unit, shop.subscription().id), shop.ada)

    def test_in_the_past_all_that_was_billed_since_is_given_back(self) -> None:
        shop = Counter()
        shop.sell(shop.ada, "basic")
        shop.until(at("2026-03-15"))
        shop.end(at="2026-01-11T00:00:00Z", credit=True, may_backdate=True)
        assert [amount for *_, amount in shop.lines()] == [-2100, -3100, -3100]
        assert shop.credit() == 8300


class TestTrials:
    def sold(self) -> Counter:
        shop = Counter()
        shop.price("tried", 3100, trial_days=14)
        shop.sell(shop.ada, "tried")
        return shop

    def test_converted_it_is_billed_at_once_and_counted_from_then(self) -> None:
        shop = self.sold()
        shop.until(at("2026-01-05"))
        shop.client(lambda unit: set_trial_end(unit, shop.subscription().id, SetTrialEnd()), shop.ada)
        assert shop.subscription().state == "active"
        assert shop.lines() == [("recurring", "01-05", "02-05", 3100)]

    def test_converted_the_instant_it_was_paid_for_its_first_period_is_billed(self) -> None:
        shop = Counter()
        shop.price("paid-trial", 3100, trial_days=14, trial_fee=500)
        shop.sell(shop.ada, "paid-trial")
        shop.client(lambda unit: set_trial_end(unit, shop.subscription().id, SetTrialEnd()), shop.ada)
        assert shop.lines()[-1] == ("recurring", "01-01", "02-01", 3100)

    def test_extended_it_is_billed_later(self) -> None:
        shop = self.sold()
        later = SetTrialEnd.model_validate({"trial_ends_at": "2026-02-10T00:00:00Z"})
        shop.client(lambda unit: set_trial_end(unit, shop.subscription().id, later), shop.ada)
        assert shop.until(at("2026-02-09")) == []
        shop.until(at("2026-02-10"))
        assert shop.lines() == [("recurring", "02-10", "03-10", 3100)]

    def test_the_trial_of_what_is_sold_instead_is_counted_from_the_first_start(self) -> None:
        shop = self.sold()
        shop.price("tried-plus", 6200, trial_days=20)
        shop.until(at("2026-01-05"))
        shop.change(price="tried-plus")
        assert shop.invoices() == []
        shop.until(at("2026-01-21"))
        assert shop.lines() == [("recurring", "01-21", "02-21", 6200)]

    def test_what_has_no_trial_is_billed_at_once(self) -> None:
        shop = self.sold()
        shop.until(at("2026-01-05"))
        shop.change(price="plus")
        assert shop.subscription().state == "active"
        assert shop.lines() == [("recurring", "01-05", "02-05", 6200)]

    def test_it_has_no_end_in_the_past(self) -> None:
        shop = self.sold()
        shop.until(at("2026-01-05"))
        past = SetTrialEnd.model_validate({"trial_ends_at": "2026-01-04T00:00:00Z"})
        with pytest.raises(RuleViolated, match="date_in_past"):
            shop.client(lambda unit: set_trial_end(unit, shop.subscription().id, past), shop.ada)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "nothing_changed"),
        ({"price": "basic"}, "nothing_changed"),
        ({"at": "2025-12-31T00:00:00Z", "price": "plus"}, "backdating_not_permitted"),
        ({"quantity": 10**12}, "amount_too_large"),
        ({"add_ons": [{"id": "base", "price": "storage"}]}, "id_taken"),
        ({"add_ons": [{"id": "a", "price": "storage"}, {"id": "a", "price": "storage"}]}, "id_taken"),
    ],
)
def test_what_cannot_be_is_refused(body: dict[str, Any], code: str) -> None:
    shop = Counter()
    shop.sell(shop.ada, "basic")
    before = len(shop.said)
    with pytest.raises((RuleViolated, WrongState), match=code):
        shop.change(**body)
    assert len(shop.said) == before


def test_every_invoice_adds_up() -> None:
    shop = Counter()
    shop.sell(shop.ada, "plus")
    bodies: list[dict[str, Any]] = [{"price": "basic"}, {"quantity": 7}, {"price": "yearly"}, {"quantity": 1}, {"price": "plus"}]
    for day, body in enumerate(bodies, 2):
        shop.until(at(f"2026-01-{3 * day:02d}"))
        shop.change(**body)
    for invoice in shop.streams.all(Invoice):
        assert invoice.total == sum(line.amount for line in invoice.lines)
        paid = sum(amount for _, amount, _ in invoice.applied)
        assert invoice.total == invoice.open + paid + invoice.credit_applied - invoice.credited


def test_a_month_and_a_year_that_begin_at_one_instant_are_not_mixed_up() -> None:
    # given a year that replaced a month, both of which began on 1 January
    shop = Counter()
    shop.sell(shop.ada, "basic")
    shop.until(at("2026-01-11"))
    shop.change(price="yearly")
    # when something is changed after the month, and once more
    for day, quantity in (("2026-02-15", 2), ("2026-03-15", 1)):
        shop.until(at(day))
        shop.change(quantity=quantity)
    # then the days of the month that were used stay billed: 292 days of the year are left
    assert shop.lines() == [("credit", "03-15", "01-01", -58400), ("proration", "03-15", "01-01", 29200)]


def test_what_was_billed_early_for_a_change_that_was_taken_back_is_billed_when_it_is_due() -> None:
    # given what is billed in arrears, changed on the 11th, so that ten days are billed then
    shop = Counter()
    shop.priced("late", [{"id": "fee", "name": "Fee", "pricing": {"model": "flat", "amount": 3100}, "due": "in_arrears"}])
    shop.sell(shop.ada, "late")
    shop.until(at("2026-01-11"))
    shop.change(price="plus")
    assert shop.billed() == 1000 + 4200
    # when it is changed back
    shop.change(price="late")
    # then nothing is billed until the month is over
    assert shop.billed() == 0
    shop.until(at("2026-02-01"))
    assert shop.billed() == 3100
