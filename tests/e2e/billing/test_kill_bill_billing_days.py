"""Kill Bill's integration tests of billing days: dates and amounts are theirs, to the cent."""

from __future__ import annotations

from tests.e2e.billing.shop import Shop


def test_a_billing_day_before_the_end_of_the_trial(shop: Shop) -> None:
    """TestIntegration.testBasePlanCompleteWithBillingDayInPast"""
    shotgun, rifle, pistol = (shop.price(amount, "month", trial_days=30) for amount in ("249.95", "599.95", "29.95"))
    ada = shop.account("2012-02-01", billing_day=31)
    gun = ada.buys(shotgun)
    gun.does("change", price=rifle)
    ada.on("2012-03-02")
    ada.is_billed("proration 2012-03-02 2012-03-31 561.24")
    gun.does("change", price=pistol, at="period_end")
    ada.on("2012-06-30")
    ada.is_billed("""
        recurring 2012-03-31 2012-04-30 29.95

        recurring 2012-04-30 2012-05-31 29.95

        recurring 2012-05-31 2012-06-30 29.95

        recurring 2012-06-30 2012-07-31 29.95
    """)
    gun.does("cancel", at="now")
    ada.on("2012-09-01")
    ada.is_billed()


def test_a_billing_day_on_the_end_of_the_trial(shop: Shop) -> None:
    """TestIntegration.testBasePlanCompleteWithBillingDayAlignedWithTrial"""
    rifle, pistol = (shop.price(amount, "month", trial_days=30) for amount in ("599.95", "29.95"))
    ada = shop.account("2012-02-01", billing_day=2)
    gun = ada.buys(rifle)
    ada.on("2012-03-03")
    ada.is_billed("recurring 2012-03-02 2012-04-02 599.95")
    gun.does("change", price=pistol, at="period_end")
    ada.on("2012-05-02")
    ada.is_billed("""
        recurring 2012-04-02 2012-05-02 29.95

        recurring 2012-05-02 2012-06-02 29.95
    """)


def test_a_billing_day_after_the_end_of_the_trial(shop: Shop) -> None:
    """TestIntegration.testBasePlanCompleteWithBillingDayInFuture"""
    rifle = shop.price("599.95", "month", trial_days=30)
    ada = shop.account("2012-02-01", billing_day=3)
    ada.buys(rifle)
    ada.on("2012-03-03")
    ada.is_billed("""
        proration 2012-03-02 2012-03-03 20.69

        recurring 2012-03-03 2012-04-03 599.95
    """)


def test_months_that_are_shorter_than_the_billing_day(shop: Shop) -> None:
    """TestIntegrationInvoice.testIntegrationWithBCDLargerThanEndMonth"""
    ada = shop.account("2017-01-31", billing_day=31)
    ada.buys(shop.price("29.95", "month"))
    ada.on("2017-04-30")
    ada.is_billed("""
        recurring 2017-01-31 2017-02-28 29.95

        recurring 2017-02-28 2017-03-31 29.95

        recurring 2017-03-31 2017-04-30 29.95

        recurring 2017-04-30 2017-05-31 29.95
    """)


def test_a_year_on_the_subscriptions_own_anniversary(shop: Shop) -> None:
    """TestBillingAlignment.testTransitionAccountBAToSubscriptionBA. Of 174.965 half a cent stays with the days before: the
    running total is rounded, where Kill Bill rounds the part.
    """
    shop.opens(billing={"yearly": "anniversary"})
    monthly, yearly = shop.price("249.95", "month", trial_days=30), shop.price("2399.95", "year", trial_days=30)
    ada = shop.account("2012-04-01", billing_day=25)
    gun = ada.buys(monthly)
    ada.on("2012-05-04")
    gun.does("change", price=yearly)
    ada.is_billed("""
        proration 2012-05-01 2012-05-25  199.96

        credit    2012-05-04 2012-05-25 -174.96
        proration 2012-05-04 2013-05-01 2380.22
    """)


class TestBillingDay:
    """TestWithBCDUpdate"""

    def test_changed_in_trial(self, shop: Shop) -> None:
        """testBCDChangeInTrial"""
        ada = shop.account("2016-04-01")
        gun = ada.buys(shop.price("249.95", "month", trial_days=30))
        ada.on("2016-04-04")
        gun.does("change", billing_day=15)
        ada.on("2016-05-15")
        ada.is_billed("""
            proration 2016-05-01 2016-05-15 116.64

            recurring 2016-05-15 2016-06-15 249.95
        """)

    def test_changed_twice(self, shop: Shop) -> None:
        """testBCDChangeAfterTrialFollowOtherBCDChange: the period that runs stays as it is"""
        ada = shop.account("2016-04-01")
        gun = ada.buys(shop.price("249.95", "month", trial_days=30))
        ada.on("2016-05-01")
        gun.does("change", billing_day=15, at="period_end")
        ada.on("2016-06-15")
        gun.does("change", billing_day=10, at="period_end")
        ada.on("2016-08-10")
        ada.is_billed("""
            recurring 2016-05-01 2016-06-01 249.95

            proration 2016-06-01 2016-06-15 112.88

            recurring 2016-06-15 2016-07-15 249.95

            proration 2016-07-15 2016-08-10 209.64

            recurring 2016-08-10 2016-09-10 249.95
        """)

    def test_changed_with_the_plan(self, shop: Shop) -> None:
        """testBCDChangeBeforeChangePlan"""
        shotgun, rifle = shop.price("249.95", "month", trial_days=30), shop.price("599.95", "month", trial_days=30)
        ada = shop.account("2016-04-01")
        gun = ada.buys(shotgun)
        ada.on("2016-05-05")
        gun.does("change", price=rifle, billing_day=10)
        ada.on("2016-05-10")
        ada.is_billed("""
            recurring 2016-05-01 2016-06-01 249.95

            credit    2016-05-05 2016-06-01 -217.70
            proration 2016-05-05 2016-05-10   99.99
            to account 117.71

            recurring 2016-05-10 2016-06-10  599.95
            from account 117.71
        """)

    def test_changed_after_the_plan(self, shop: Shop) -> None:
        """testBCDChangeAfterChangePlan"""
        shotgun, rifle = shop.price("249.95", "month", trial_days=30), shop.price("599.95", "month", trial_days=30)
        ada = shop.account("2016-04-01")
        gun = ada.buys(shotgun)
        ada.on("2016-05-05")
        gun.does("change", price=rifle)
        gun.does("change", billing_day=10, at="period_end")
        ada.on("2016-06-10")
        ada.is_billed("""
            recurring 2016-05-01 2016-06-01 249.95

            credit    2016-05-05 2016-06-01 -217.70
            proration 2016-05-05 2016-06-01  522.54

            proration 2016-06-01 2016-06-10  174.18

            recurring 2016-06-10 2016-07-10  599.95
        """)

    def test_of_a_year(self, shop: Shop) -> None:
        """testBCDChangeForAnnualSubscriptionAndCancellation"""
        ada = shop.account("2016-04-01")
        gun = ada.buys(shop.price("2399.95", "year", trial_days=30))
        ada.on("2016-05-01")
        gun.does("change", billing_day=10, at="period_end")
        ada.on("2017-05-10")
        ada.is_billed("""
            recurring 2016-05-01 2017-05-01 2399.95

            proration 2017-05-01 2017-05-10   59.18

            recurring 2017-05-10 2018-05-10 2399.95
        """)

    def test_from_a_free_plan_to_one_that_costs(self, shop: Shop) -> None:
        """testBCDChangeFromFreePlanToPayingPlanNoTrial"""
        free, blowdart = shop.price("0", "month"), shop.price("29.95", "month")
        ada = shop.account("2016-04-01")
        gun = ada.buys(free)
        ada.on("2016-04-15")
        gun.does("change", price=blowdart, billing_day=15)
        ada.on("2016-05-15")
        ada.is_billed("""
            recurring 2016-04-01 2016-05-01 0

            recurring 2016-04-15 2016-05-15 29.95

            recurring 2016-05-15 2016-06-15 29.95
        """)

    def test_with_start_and_change(self, shop: Shop) -> None:
        """testWithBCDOnOperations"""
        pistol, blowdart = shop.price("19.95", "month"), shop.price("29.95", "month")
        ada = shop.account("2018-06-21")
        gun = ada.buys(pistol, billing_day=15)
        ada.on("2018-07-15")
        gun.does("change", price=blowdart, billing_day=21, at="period_end")
        ada.on("2018-08-21")
        ada.is_billed("""
            proration 2018-06-21 2018-07-15 15.96

            recurring 2018-07-15 2018-08-15 19.95

            proration 2018-08-15 2018-08-21  5.80

            recurring 2018-08-21 2018-09-21 29.95
        """)
