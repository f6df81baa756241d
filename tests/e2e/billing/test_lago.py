"""Scenarios of Lago's own (github.com/getlago/lago-api, spec/scenarios): dates and amounts are theirs, without the taxes.

There the day of a termination is used, and a year that replaces months keeps their anniversary: policies of a storefront here.
What Lago bills by the calendar has billing day 1.
"""

from __future__ import annotations

import pytest

from tests.e2e.billing.shop import Shop

TERMINATED = {"at": "now", "credit": True}


@pytest.fixture
def lago(shop: Shop) -> Shop:
    return shop.opens(billing={"yearly": "anniversary", "proration": {"last_day": "billed"}})


def in_arrears(shop: Shop, amount: int, unit: str = "month", count: int = 1) -> str:
    pricing = {"model": "flat", "amount": amount}
    return shop.price(None, unit, count, charges=[{"id": "fee", "name": "Plan", "pricing": pricing, "due": "in_arrears"}])


def test_months_become_a_year_that_ends_on_the_anniversary(lago: Shop) -> None:
    """subscriptions/upgrade_spec: upgrades and bill subscriptions on a regular basis"""
    monthly, yearly = lago.price("10", "month"), lago.price("120", "year")
    ada = lago.account("2023-06-29")
    plan = ada.buys(monthly)
    ada.on("2023-09-28T05:00")
    plan.does("change", price=yearly)
    ada.is_billed("""
        recurring 2023-06-29 2023-07-29 10

        recurring 2023-07-29 2023-08-29 10

        recurring 2023-08-29 2023-09-29 10

        credit    2023-09-28T05:00 2023-09-29 -0.32
        proration 2023-09-28T05:00 2024-06-29 90.16
    """)


def test_a_year_that_begins_with_the_next_month(lago: Shop) -> None:
    """subscriptions/downgrade_spec: downgrades and bill subscriptions"""
    monthly, yearly = lago.price("129", "month"), lago.price("1188", "year")
    ada = lago.account("2023-07-19")
    plan = ada.buys(monthly)
    ada.on("2023-10-19")
    assert len(ada.invoices()) == 4
    ada.on("2023-11-09")
    plan.does("change", price=yearly, at="period_end")
    ada.on("2023-11-19")
    assert [(line["kind"], line["amount"]["amount"]) for line in ada.invoices()[-1]["lines"]] == [("proration", 788_75)]
    ada.on("2024-07-19")
    assert ada.local(plan.shown()["current_period"]["end"]) == "2025-07-19"


@pytest.mark.parametrize(
    ("day", "end", "amounts"),
    [
        (1, "2024-04-01", ("proration 2024-03-05 2024-04-01 8.71", "-6.45", "9.68", "-9.68", "12.26")),
        (None, "2024-04-05", ("recurring 2024-03-05 2024-04-05 10", "-7.74", "11.61", "-11.61", "14.71")),
    ],
)
def test_two_upgrades_on_one_day(lago: Shop, day: int | None, end: str, amounts: tuple[str, ...]) -> None:
    """subscriptions/multiple_upgrade_spec: with calendar billing, with anniversary billing"""
    first, *later = (lago.price(amount, "month") for amount in ("10", "15", "19"))
    ada = lago.account("2024-03-05")
    plan = ada.buys(first, billing_day=day)
    for hour, price in zip(("12:12", "13:12"), later, strict=True):
        ada.on(f"2024-03-12T{hour}")
        plan.does("change", price=price)
    line, *changes = amounts
    ada.is_billed(f"""
        {line}

        credit    2024-03-12T12:12 {end} {changes[0]}
        proration 2024-03-12T12:12 {end} {changes[1]}

        credit    2024-03-12T13:12 {end} {changes[2]}
        proration 2024-03-12T13:12 {end} {changes[3]}
    """)


class TestTrial:
    """subscriptions/free_trial_billing_spec"""

    def test_it_is_billed_at_its_end(self, lago: Shop) -> None:
        """with free trial: bills the customer at the end of the free trial"""
        ada = lago.account("2024-03-05", billing_day=1)
        ada.buys(lago.price("50000", "month", trial_days=10))
        ada.on("2024-03-14T23:59")
        ada.is_billed()
        ada.on("2024-03-15")
        ada.is_billed("proration 2024-03-15 2024-04-01 27419.35")

    def test_an_upgrade_in_it_counts_from_the_first_start(self, lago: Shop) -> None:
        """with a plan upgrade during the trial"""
        plan, upgraded = lago.price("50000", "month", trial_days=10), lago.price("100000", "month", trial_days=13)
        ada = lago.account("2024-03-05", billing_day=1)
        sold = ada.buys(plan)
        ada.on("2024-03-10")
        sold.does("change", price=upgraded)
        ada.on("2024-03-17T23:59")
        ada.is_billed()
        ada.on("2024-04-01")
        ada.is_billed("""
            proration 2024-03-18 2024-04-01  45161.29

            recurring 2024-04-01 2024-05-01 100000
        """)

    def test_it_may_be_longer_than_a_period(self, lago: Shop) -> None:
        """with free trial > billing period"""
        ada = lago.account("2024-03-05", billing_day=1)
        ada.buys(lago.price("50000", "month", trial_days=45))
        ada.on("2024-04-19")
        ada.is_billed("proration 2024-04-19 2024-05-01 20000")


@pytest.mark.parametrize(
    ("zone", "start", "billing", "first", "credit"),
    [
        ("UTC", "2023-02-08", {"billing_day": 1}, "37.50", "35.71"),
        ("Asia/Tokyo", "2023-02-08T09:00", {"billing_day": 1}, "37.50", "35.71"),
        ("America/Los_Angeles", "2023-02-07T16:00", {"billing_day": 1}, "39.29", "37.50"),
        ("UTC", "2023-02-08", {}, "50", "48.21"),
        ("Asia/Tokyo", "2023-02-08T09:00", {}, "50", "48.21"),
        ("America/Los_Angeles", "2023-02-07T16:00", {}, "50", "48.21"),
    ],
)
def test_terminated_on_the_first_day(lago: Shop, zone: str, start: str, billing: dict[str, int], first: str, credit: str) -> None:
    """terminate_pay_in_advance_spec: creates expected credit note and invoice, in all its time zones"""
    ada = lago.account(start, zone)
    plan = ada.buys(lago.price("50", "month"), **billing)
    plan.does("cancel", **TERMINATED)
    bought, ended = ada.invoices()
    assert bought["total"]["amount"] == round(100 * float(first))
    assert ended["total"]["amount"] == -round(100 * float(credit))
    assert f"{ada.credit()}" == credit


@pytest.mark.parametrize(
    ("unit", "start", "amount", "credit"),
    [
        ("month", "2025-09-18T16:00", "200", "193.33"),
        ("month", "2025-09-18T16:00", "160", "154.67"),
        ("week", "2025-10-06T16:00", "29.99", "25.71"),
        ("month", "2024-02-01T03:00", "29", "28.00"),
    ],
)
def test_one_day_of_a_period_is_used(lago: Shop, unit: str, start: str, amount: str, credit: str) -> None:
    """credit_notes/credit_note_rounding_spec; invoices_spec: pay in advance subscription is terminated on the same day"""
    ada = lago.account(start)
    ada.buys(lago.price(amount, unit)).does("cancel", **TERMINATED)
    assert f"{ada.credit()}" == credit


class TestLeapFebruary:
    """invoices/invoices_spec: 29.00 becomes 290.00, or ends, on 12 February 2024"""

    def test_upgraded_in_advance(self, lago: Shop) -> None:
        """when pay in advance subscription is upgraded"""
        small, large = lago.price("29", "month"), lago.price("290", "month")
        ada = lago.account("2024-02-01", billing_day=1)
        plan = ada.buys(small)
        ada.on("2024-02-12")
        plan.does("change", price=large)
        ada.on("2024-03-01")
        ada.is_billed("""
            recurring 2024-02-01 2024-03-01  29

            credit    2024-02-12 2024-03-01 -18
            proration 2024-02-12 2024-03-01 180

            recurring 2024-03-01 2024-04-01 290
        """)

    def test_upgraded_in_arrears(self, lago: Shop) -> None:
        """when pay in arrear subscription is upgraded"""
        ada = lago.account("2024-01-02", billing_day=1)
        plan = ada.buys(in_arrears(lago, 29_00))
        ada.on("2024-02-12")
        plan.does("change", price=in_arrears(lago, 290_00))
        ada.on("2024-03-01")
        ada.is_billed("""
            proration 2024-01-02 2024-02-01  28.06

            proration 2024-02-01 2024-02-12  11

            proration 2024-02-12 2024-03-01 180
        """)

    def test_terminated(self, lago: Shop) -> None:
        """when pay in advance subscription is terminated"""
        ada = lago.account("2024-02-01", billing_day=1)
        plan = ada.buys(lago.price("29", "month"))
        ada.on("2024-02-12T06:00")
        plan.does("cancel", **TERMINATED)
        ada.is_billed("""
            recurring 2024-02-01 2024-03-01  29

            credit    2024-02-13 2024-03-01 -17
            to account 17
        """)


def test_six_days_of_december(lago: Shop) -> None:
    """invoices/invoices_spec: when subscription is terminated with a grace period"""
    ada = lago.account("2022-12-15", billing_day=1)
    plan = ada.buys(in_arrears(lago, 10_00))
    ada.on("2022-12-20T06:00")
    plan.does("cancel", **TERMINATED)
    ada.is_billed("proration 2022-12-15 2022-12-21 1.94")


def test_a_quarter_is_the_denominator(lago: Shop) -> None:
    """subscriptions/upgrade_proration_spec: when the subscription results from an upgrade"""
    ada = lago.account("2024-01-15T10:00")
    plan = ada.buys(in_arrears(lago, 455_00, "month", 3))
    ada.on("2024-05-20T10:00")
    plan.does("change", price=in_arrears(lago, 910_00, "month", 3))
    ada.on("2024-06-20T10:00")
    plan.does("cancel", **TERMINATED)
    ada.is_billed("""
        recurring 2024-01-15T10:00 2024-04-15T10:00 455

        proration 2024-04-15T10:00 2024-05-20T10:00 175

        proration 2024-05-20T10:00 2024-06-21       320
    """)


class TestEndingAt:
    """subscriptions/terminate_ended_spec"""

    @pytest.mark.parametrize("zone", ["Europe/Paris", "Asia/Bangkok", "America/Bogota"])
    def test_two_days(self, lago: Shop, zone: str) -> None:
        """terminates the subscription when it reaches its ending date"""
        ada = lago.account("2023-09-05T07:00", zone)
        plan = ada.buys(in_arrears(lago, 10_00))
        plan.does("cancel", at="2023-09-06T07:00")
        ada.on("2023-09-06T07:15")
        ada.is_billed("proration 2023-09-05T07:00 2023-09-07 0.67")
        assert plan.shown()["state"] == "cancelled"

    @pytest.mark.parametrize("at", ["2023-10-05T07:00", "period_end"])
    @pytest.mark.parametrize("due", ["in_arrears", "in_advance"])
    def test_on_the_billing_date(self, lago: Shop, at: str, due: str) -> None:
        """when ending at is the same as billing date: no day of the next period is used"""
        ada = lago.account("2023-09-05T07:00", "Europe/Paris")
        plan = ada.buys(in_arrears(lago, 10_00) if due == "in_arrears" else lago.price("10", "month"))
        plan.does("cancel", at=at)
        ada.on("2023-11-30")
        ada.is_billed("recurring 2023-09-05T07:00 2023-10-05T07:00 10")


def test_local_midnight_is_when_it_is_billed(lago: Shop) -> None:
    """subscriptions/billing_spec: monthly plan, calendar billing, with UTC+ timezone"""
    ada = lago.account("2023-02-01T05:30", "Asia/Kolkata", billing_day=1, together=True)
    ada.buys(in_arrears(lago, 50000_00))
    ada.on("2023-02-28T23:30")
    ada.is_billed()
    ada.on("2023-03-01T00:30")
    ada.is_billed("recurring 2023-02-01T05:30 2023-03-01 50000")
    ada.on("2023-03-31T23:30")
    ada.is_billed()


@pytest.mark.parametrize(("day", "dates"), [
    (31, "01-31 02-28 03-31 04-30 05-31 06-30 07-31 08-31 09-30 10-31 11-30 12-31 01-31 02-29 03-31"),
    (30, "01-30 02-28 03-30 04-30 05-30 06-30 07-30 08-30 09-30 10-30 11-30 12-30 01-30 02-29 03-30"),
])  # fmt: skip
def test_the_anniversary_on_a_day_that_not_every_month_has(lago: Shop, day: int, dates: str) -> None:
    """subscriptions/billing_spec: with anniversary on a 31st, on a 30"""
    ada = lago.account(f"2022-12-{day}")
    ada.buys(in_arrears(lago, 1000_00))
    ada.on("2024-03-31")
    assert [ada.local(invoice["lines"][0]["period"]["end"])[5:] for invoice in ada.invoices()] == dates.split()
