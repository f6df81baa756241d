"""Scenarios of Kill Bill's integration tests (github.com/killbill/killbill, beatrix): dates and amounts are theirs, to the cent.

Where Kill Bill has a line of 0 for a free trial there is no invoice here, and what it calls a part of a recurring charge is a
line of the kind ``proration``, a repair one of the kind ``credit``.
"""

from __future__ import annotations

import pytest

from tests.e2e.billing.shop import Shop


def test_yearly_to_monthly_and_back_on_one_day(shop: Shop) -> None:
    """TestSubscription.testForcePolicy"""
    yearly, monthly = shop.price("2399.95", "year", trial_days=30), shop.price("249.95", "month", trial_days=30)
    ada = shop.account("2012-04-01", billing_day=1)
    gun = ada.buys(yearly)
    ada.on("2012-05-11")
    ada.is_billed("recurring 2012-05-01 2013-05-01 2399.95")
    gun.does("change", price=monthly)
    ada.is_billed("""
        credit    2012-05-11 2013-05-01 -2334.20
        proration 2012-05-11 2012-06-01   169.32
        to account 2164.88
    """)
    gun.does("change", price=yearly)
    ada.is_billed("""
        credit    2012-05-11 2012-06-01 -169.32
        proration 2012-05-11 2013-05-01 2334.20
        from account 2164.88
    """)
    assert ada.credit() == 0


def test_another_yearly_plan_in_the_midst_of_a_year(shop: Shop) -> None:
    """TestSubscription.testChangeOfPlan"""
    small, large = shop.price("2399.95", "year", trial_days=30), shop.price("5999.95", "year", trial_days=30)
    ada = shop.account("2012-04-01", billing_day=1)
    gun = ada.buys(small)
    ada.on("2012-05-11")
    gun.does("change", price=large)
    ada.is_billed("""
        recurring 2012-05-01 2013-05-01 2399.95

        credit    2012-05-11 2013-05-01 -2334.20
        proration 2012-05-11 2013-05-01  5835.57
    """)


def test_a_change_and_a_cancellation_on_the_first_day(shop: Shop) -> None:
    """TestSubscription (change two hours into a period, cancelled two hours later)"""
    small, large = shop.price("19.95", "month"), shop.price("29.95", "month")
    ada = shop.account("2012-05-01", billing_day=1)
    gun = ada.buys(small)
    ada.on("2012-05-01T02:00")
    gun.does("change", price=large)
    ada.on("2012-05-01T04:00")
    gun.does("cancel", at="now", credit=True)
    ada.is_billed("""
        recurring 2012-05-01 2012-06-01 19.95

        credit    2012-05-01T02:00 2012-06-01 -19.95
        recurring 2012-05-01T02:00 2012-06-01  29.95

        credit    2012-05-01T04:00 2012-06-01 -29.95
        to account 29.95
    """)


@pytest.mark.parametrize("start", ["2015-08-01"])
def test_a_change_as_of_the_start(shop: Shop, start: str) -> None:
    """TestSubscription.testChangePlanWithStartDate"""
    small, large = shop.price("19.95", "month"), shop.price("29.95", "month")
    ada = shop.account(start)
    gun = ada.buys(small)
    ada.on("2015-08-11")
    gun.does("change", price=large, at=start)
    ada.is_billed("""
        recurring 2015-08-01 2015-09-01 19.95

        credit    2015-08-01 2015-09-01 -19.95
        recurring 2015-08-01 2015-09-01  29.95
    """)


def test_pause_and_resume(shop: Shop) -> None:
    """TestIntegration.testWithPauseResume"""
    ada = shop.account("2012-02-01", billing_day=2)
    gun = ada.buys(shop.price("249.95", "month", trial_days=30))
    ada.on("2012-03-04")
    ada.is_billed("recurring 2012-03-02 2012-04-02 249.95")
    gun.does("pause")
    ada.is_billed("""
        credit 2012-03-04 2012-04-02 -233.82
        to account 233.82
    """)
    ada.on("2012-04-05")
    gun.does("resume")
    ada.is_billed("""
        proration 2012-04-05 2012-05-02 224.96
        from account 224.96
    """)
    ada.on("2012-05-02")
    ada.is_billed("""
        recurring 2012-05-02 2012-06-02 249.95
        from account 8.86
    """)


def test_a_free_plan_is_left_in_the_midst_of_a_month(shop: Shop) -> None:
    """TestIntegrationInvoice.testIntegrationWithRecurringFreePlan"""
    free, blowdart = shop.price("0", "month"), shop.price("29.95", "month")
    ada = shop.account("2017-01-01", billing_day=1)
    gun = ada.buys(free)
    ada.on("2017-02-01")
    gun.does("change", price=blowdart, at="2017-02-15")
    ada.on("2017-03-01")
    ada.is_billed("""
        recurring 2017-01-01 2017-02-01 0

        recurring 2017-02-01 2017-03-01 0

        proration 2017-02-15 2017-03-01 14.98

        recurring 2017-03-01 2017-04-01 29.95
    """)


def test_parts_of_a_month_under_three_plans(shop: Shop) -> None:
    """TestIntegrationInvoiceWithRepairLogic.testMultiplePartialRepairs"""
    shotgun, rifle, blowdart, pistol = (
        shop.price(amount, "month", trial_days=30) for amount in ("249.95", "599.95", "9.95", "29.95")
    )
    ada = shop.account("2012-04-01", billing_day=1)
    gun = ada.buys(shotgun)
    ada.on("2012-04-04")
    gun.does("change", price=rifle)
    ada.on("2012-05-07")
    ada.is_billed("recurring 2012-05-01 2012-06-01 599.95")
    gun.does("change", price=blowdart)
    ada.is_billed("""
        credit    2012-05-07 2012-06-01 -483.83
        proration 2012-05-07 2012-06-01    8.02
        to account 475.81
    """)
    ada.on("2012-05-08")
    gun.does("change", price=pistol)
    ada.is_billed("""
        credit    2012-05-08 2012-06-01 -7.70
        proration 2012-05-08 2012-06-01 23.19
        from account 15.49
    """)
    ada.on("2012-07-01")
    ada.is_billed("""
        recurring 2012-06-01 2012-07-01 29.95
        from account 29.95

        recurring 2012-07-01 2012-08-01 29.95
        from account 29.95
    """)


def test_a_year_is_given_back_whole_and_consumed_by_months(shop: Shop) -> None:
    """TestIntegrationInvoiceWithRepairLogic.testPartialRepairThroughBillingPeriodChange"""
    yearly, monthly = shop.price("2399.95", "year", trial_days=30), shop.price("249.95", "month", trial_days=30)
    ada = shop.account("2012-04-01", billing_day=1)
    gun = ada.buys(yearly)
    ada.on("2012-05-01")
    gun.does("change", price=monthly)
    ada.on("2012-06-01")
    ada.is_billed("""
        recurring 2012-05-01 2013-05-01 2399.95

        credit    2012-05-01 2013-05-01 -2399.95
        recurring 2012-05-01 2012-06-01   249.95
        to account 2150

        recurring 2012-06-01 2012-07-01   249.95
        from account 249.95
    """)


def test_a_credit_is_no_more_than_what_is_left_of_its_line(shop: Shop) -> None:
    """TestIntegrationInvoiceWithRepairLogic.testSimplePartialRepairWithItemAdjustment"""
    shotgun, blowdart = shop.price("249.95", "month", trial_days=30), shop.price("9.95", "month", trial_days=30)
    ada = shop.account("2012-04-01", billing_day=1)
    gun = ada.buys(shotgun)
    ada.on("2012-05-02")
    (invoice,) = ada.is_billed("recurring 2012-05-01 2012-06-01 249.95")
    shop.done(f"/v1/invoices/{invoice['id']}/credit-notes", {"lines": [{"line": 1, "amount": 1000}], "reason": "Sorry"})
    gun.does("change", price=blowdart)
    ada.is_billed("""
        credit    2012-05-02 2012-06-01 -239.95
        proration 2012-05-02 2012-06-01    9.63
        to account 230.32
    """)
    assert str(ada.credit()) == "240.32"


def test_a_line_that_was_given_up_is_not_given_back_again(shop: Shop) -> None:
    """TestIntegrationInvoiceWithRepairLogic.testRepairWithFullItemAdjustmentV2"""
    ada = shop.account("2013-07-19", billing_day=18)
    gun = ada.buys(shop.price("2399.95", "year", trial_days=30))
    ada.on("2013-08-18")
    (invoice,) = ada.is_billed("recurring 2013-08-18 2014-08-18 2399.95")
    shop.done(f"/v1/invoices/{invoice['id']}/credit-notes", {"lines": [{"line": 1, "amount": 239995}], "reason": "Sorry"})
    ada.on("2013-09-17")
    gun.does("cancel", at="now", credit=True)
    ada.is_billed()
    assert str(ada.credit()) == "2399.95"


def test_a_year_is_cancelled_with_credit(shop: Shop) -> None:
    """TestIntegrationInvoiceWithRepairLogic.testRepairWithFullRemainingItemAdjustment"""
    ada = shop.account("2013-07-19", billing_day=18)
    gun = ada.buys(shop.price("2399.95", "year", trial_days=30))
    ada.on("2013-09-17")
    gun.does("cancel", at="now", credit=True)
    ada.is_billed("""
        recurring 2013-08-18 2014-08-18 2399.95

        credit    2013-09-17 2014-08-18 -2202.69
        to account 2202.69
    """)


def test_a_quantity_that_changes_at_the_end_of_the_period(shop: Shop) -> None:
    """TestWithQuantityUpdate.testQuantityBasic"""
    ada = shop.account("2022-11-27")
    knives = ada.buys(shop.price("29.95", "month"), quantity="7")
    ada.on("2022-12-12")
    knives.does("change", quantity="10", at="period_end")
    ada.on("2022-12-27")
    ada.is_billed("""
        recurring 2022-11-27 2022-12-27 209.65

        recurring 2022-12-27 2023-01-27 299.50
    """)


def test_add_ons_begin_with_the_base_and_end_on_the_billing_day(shop: Shop) -> None:
    """TestSubscription.testCreateMultipleSubscriptionsWithAddOns: by Kill Bill's rule of trials, without one"""
    scope, laser = shop.price("399.95", "month"), shop.price("999.95", "month")
    ada = shop.account("2015-10-01", billing_day=31)
    add_ons = [{"id": "scope", "price": scope}, {"id": "laser", "price": laser}]
    ada.buys(shop.price("0", "month"), add_ons=add_ons)
    ada.is_billed("""
        proration 2015-10-01 2015-10-31   0
        proration 2015-10-01 2015-10-31 387.05
        proration 2015-10-01 2015-10-31 967.69
    """)


class TestFixedTerm:
    def test_it_expires_after_the_last_period(self, shop: Shop) -> None:
        """TestCatalogFixedTermExpiry.testSimpleFixedTermExpiry"""
        ada = shop.account("2023-01-01", billing_day=1)
        gun = ada.buys(shop.price("19.95", "month", term_periods=3))
        ada.on("2023-06-01")
        ada.is_billed("""
            recurring 2023-01-01 2023-02-01 19.95

            recurring 2023-02-01 2023-03-01 19.95

            recurring 2023-03-01 2023-04-01 19.95
        """)
        shown = gun.shown()
        assert (shown["state"], ada.local(shown["ended_at"]), ada.local(shown["access_until"])) == (
            "expired", "2023-04-01", "2023-04-01"
        )  # fmt: skip

    def test_it_is_cancelled_before(self, shop: Shop) -> None:
        """TestCatalogFixedTermExpiry.testCancelSubscriptionBeforeExpiry"""
        ada = shop.account("2023-01-01", billing_day=1)
        gun = ada.buys(shop.price("19.95", "month", term_periods=3))
        ada.on("2023-01-11")
        gun.does("cancel", at="now")
        ada.on("2023-06-01")
        ada.is_billed("recurring 2023-01-01 2023-02-01 19.95")
        assert gun.shown()["state"] == "cancelled"

    def test_after_a_trial(self, shop: Shop) -> None:
        """TestCatalogFixedTermExpiry.testTransitionToFixedTerm"""
        ada = shop.account("2023-01-01", billing_day=1)
        gun = ada.buys(shop.price("19.95", "month", trial_days=31, term_periods=3))
        ada.on("2023-06-01")
        ada.is_billed("""
            recurring 2023-02-01 2023-03-01 19.95

            recurring 2023-03-01 2023-04-01 19.95

            recurring 2023-04-01 2023-05-01 19.95
        """)
        assert gun.shown()["state"] == "expired"

    def test_two_years_and_the_rest_of_the_term(self, shop: Shop) -> None:
        """TestCatalogFixedTerm.testFixedTermPhaseInAdvanceBilling: three years of a price for two; 366 of 731 days are left"""
        phase = {"id": "term", "lasts": {"unit": "year", "count": 3}}
        charge = {"id": "fee", "name": "Fee", "pricing": {"model": "flat", "amount": 4000}}
        phases, later = [{**phase, "charges": [charge]}], {**charge, "pricing": {"model": "flat", "amount": 10000}}
        ada = shop.account("2021-12-01")
        ada.buys(shop.price(None, "year", 2, charges=[later], phases=phases))
        ada.on("2023-12-01")
        ada.is_billed("""
            recurring 2021-12-01 2023-12-01 40

            proration 2023-12-01 2024-12-01 20.03
        """)


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_three_months_of_a_discount_phase(shop: Shop, zone: str) -> None:
    """TestCatalogDiscountAndEvergreen.testCatalogDiscountAndEvergreen, …UTC"""
    cheap = {"id": "fee", "name": "Standard", "pricing": {"model": "flat", "amount": 495}}
    phases = [{"id": "discount", "lasts": {"unit": "month", "count": 3}, "charges": [cheap]}]
    ada = shop.account("2023-02-28T22:47", zone, billing_day=28)
    ada.buys(shop.price(None, "month", charges=[{**cheap, "pricing": {"model": "flat", "amount": 2495}}], phases=phases))
    ada.on("2023-07-01")
    ada.is_billed("""
        recurring 2023-02-28T22:47 2023-03-28T22:47  4.95

        recurring 2023-03-28T22:47 2023-04-28T22:47  4.95

        recurring 2023-04-28T22:47 2023-05-28T22:47  4.95

        recurring 2023-05-28T22:47 2023-06-28T22:47 24.95

        recurring 2023-06-28T22:47 2023-07-28T22:47 24.95
    """)


def test_weeks_after_a_trial(shop: Shop) -> None:
    """TestIntegration.testWeeklyPlan"""
    ada = shop.account("2015-04-01", billing_day=1)
    ada.buys(shop.price("29.95", "week", trial_days=30))
    ada.on("2015-05-08")
    ada.is_billed("""
        recurring 2015-05-01 2015-05-08 29.95

        recurring 2015-05-08 2015-05-15 29.95
    """)


def test_thirty_days_with_a_set_up_fee_and_a_monthly_add_on(shop: Shop) -> None:
    """TestIntegration.testThirtyDaysPlanWithFixedTermMonthlyAddOn"""
    fee = {"id": "setup", "name": "Delivery", "kind": "one_off", "pricing": {"model": "flat", "amount": 59995}}
    monthly = {"id": "fee", "name": "Refurbishment", "pricing": {"model": "flat", "amount": 19995}}
    add_on = shop.price(None, "month", charges=[fee, monthly])
    ada = shop.account("2015-05-01", billing_day=1)
    ada.buys(shop.price("29.95", "day", 30), add_ons=[{"id": "refurbish", "price": add_on}])
    ada.on("2015-06-01")
    ada.is_billed("""
        one_off   2015-05-01 2015-05-01 599.95
        recurring 2015-05-01 2015-05-31  29.95
        recurring 2015-05-01 2015-06-01 199.95

        recurring 2015-05-31 2015-06-30  29.95

        recurring 2015-06-01 2015-07-01 199.95
    """)


def test_summer_time_ends_within_a_year(shop: Shop) -> None:
    """TestIntegration.testWithDayLightSaving"""
    ada = shop.account("2015-09-01T01:01", "America/Los_Angeles", billing_day=1)
    ada.buys(shop.price("2399.95", "year", trial_days=30))
    ada.on("2016-01-01")
    ada.is_billed("recurring 2015-10-01T01:01 2016-10-01T01:01 2399.95")
