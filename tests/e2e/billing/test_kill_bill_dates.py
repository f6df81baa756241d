"""Kill Bill's integration tests of dates in the past, of other zones and dry runs: dates and amounts are theirs, to the cent."""

from __future__ import annotations

import pytest

from tests.e2e.billing.shop import Shop


def test_a_dry_run_shows_the_lines_of_the_change(shop: Shop) -> None:
    """TestSubscription.testForcePolicy, its dry run"""
    yearly, monthly = shop.price("2399.95", "year", trial_days=30), shop.price("249.95", "month", trial_days=30)
    ada = shop.account("2012-04-01", billing_day=1)
    gun = ada.buys(yearly)
    ada.on("2012-05-11")
    ada.is_billed("recurring 2012-05-01 2013-05-01 2399.95")
    preview = shop.done(f"/v1/subscriptions/{gun.id}/change?dry_run=true", {"price": monthly})
    (shown,) = preview["invoices"]
    assert sorted(line["amount"]["amount"] for line in shown["lines"]) == [-2334_20, 169_32]
    assert shown["credited"]["amount"] == 2164_88
    ada.is_billed()
    gun.does("change", price=monthly)
    (done,) = ada.is_billed("""
        credit    2012-05-11 2013-05-01 -2334.20
        proration 2012-05-11 2012-06-01   169.32
        to account 2164.88
    """)
    assert done["lines"] == shown["lines"]


def test_cancelled_as_of_the_start_of_the_term(shop: Shop) -> None:
    """TestSubscription.testCancelSubscriptionAfterTrialWith_START_OF_TERM"""
    ada = shop.account("2015-08-01")
    gun = ada.buys(shop.price("2399.95", "year", trial_days=30))
    ada.on("2015-09-05")
    gun.does("cancel", at="2015-08-31", credit=True)
    ada.is_billed("""
        recurring 2015-08-31 2016-08-31  2399.95

        credit    2015-08-31 2016-08-31 -2399.95
        to account 2399.95
    """)
    assert ada.local(gun.shown()["ended_at"]) == "2015-08-31"


def test_cancelled_as_of_a_day_two_periods_ago(shop: Shop) -> None:
    """TestIntegration.testWithPauseResumeAfterENT_CANCELLEDBlockingState, its cancellation in the past"""
    ada = shop.account("2012-03-02", billing_day=2)
    gun = ada.buys(shop.price("249.95", "month"))
    ada.on("2012-05-09")
    gun.does("cancel", at="2012-03-05", credit=True)
    ada.is_billed("""
        recurring 2012-03-02 2012-04-02  249.95

        recurring 2012-04-02 2012-05-02  249.95

        recurring 2012-05-02 2012-06-02  249.95

        credit    2012-03-05 2012-04-02 -225.76
        credit    2012-04-02 2012-05-02 -249.95
        credit    2012-05-02 2012-06-02 -249.95
        to account 725.66
    """)


def test_started_in_the_past(shop: Shop) -> None:
    """TestMigrationSubscriptions: what began before is billed at once, a period an invoice"""
    ada = shop.account("2012-03-15", billing_day=1)
    ada.buys(shop.price("249.95", "month"), start_at="2012-01-15T00:00:00Z")
    ada.is_billed("""
        proration 2012-01-15 2012-02-01 137.07

        recurring 2012-02-01 2012-03-01 249.95

        recurring 2012-03-01 2012-04-01 249.95
    """)


@pytest.mark.parametrize(
    ("start", "later", "bills"),
    [
        # into summer time
        ("2017-03-01T23:30", "2017-04-30", ["2017-03-31T23:30 2017-04-30T23:30"]),
        # out of it
        ("2015-09-01T01:01", "2015-12-01", ["2015-10-01T01:01 2015-11-01T01:01", "2015-11-01T01:01 2015-12-01T01:01"]),
        # a boundary in the hour that is left out, and in the one that comes twice
        ("2015-01-07T02:30", "2015-04-07",
         ["2015-02-06T02:30 2015-03-06T02:30", "2015-03-06T02:30 2015-04-06T02:30", "2015-04-06T02:30 2015-05-06T02:30"]),
        ("2015-01-09T02:30", "2015-03-09", ["2015-02-08T02:30 2015-03-08T03:30", "2015-03-08T03:30 2015-04-08T02:30"]),
        ("2015-09-02T01:30", "2015-11-02", ["2015-10-02T01:30 2015-11-02T01:30"]),
    ],
)  # fmt: skip
def test_summer_time(shop: Shop, start: str, later: str, bills: list[str]) -> None:
    """TestWithTimeZones: testIntoDaylightSavingTransition, testWithDayLightSaving, testReferenceTimeInDSTGap"""
    ada = shop.account(start, "America/Los_Angeles")
    ada.buys(shop.price("29.95", "month", trial_days=30))
    ada.on(later)
    ada.is_billed("\n\n".join(f"recurring {period} 29.95" for period in bills))
