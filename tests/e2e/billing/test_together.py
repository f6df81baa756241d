"""One invoice for all of an account, as with Kill Bill's account alignment; and what else of its tests is of invoices."""

from __future__ import annotations

from tests.e2e.billing.shop import Shop


def test_all_of_an_account_on_one_invoice(shop: Shop) -> None:
    """TestIntegration.testAddonsWithMultipleAlignments, with all aligned to the account"""
    ada = shop.account("2012-04-25", billing_day=25, together=True)
    ada.buys(shop.price("249.95", "month"))
    ada.on("2012-05-05")
    ada.buys(shop.price("599.95", "month"))
    ada.buys(shop.price("2399.95", "year"))
    ada.is_billed("""
        recurring 2012-04-25 2012-05-25  249.95

        proration 2012-05-05 2012-05-25  399.97

        proration 2012-05-05 2012-05-25  131.14
    """)
    ada.on("2012-06-25")
    ada.is_billed("""
        recurring 2012-05-25 2012-06-25  249.95
        recurring 2012-05-25 2012-06-25  599.95
        recurring 2012-05-25 2013-05-25 2399.95

        recurring 2012-06-25 2012-07-25 249.95
        recurring 2012-06-25 2012-07-25 599.95
    """)


def test_one_of_them_is_cancelled(shop: Shop) -> None:
    """TestIntegration.testFutureCancelBPWithAOAfterPhase, with two subscriptions"""
    ada = shop.account("2012-04-01", billing_day=1, together=True)
    ada.buys(shop.price("249.95", "month"))
    scope = ada.buys(shop.price("999.95", "month"))
    ada.on("2012-04-11")
    scope.does("cancel", at="period_end")
    ada.on("2012-05-01")
    ada.is_billed("""
        recurring 2012-04-01 2012-05-01 249.95

        recurring 2012-04-01 2012-05-01 999.95

        recurring 2012-05-01 2012-06-01 249.95
    """)


def test_a_draft_of_what_is_charged_by_hand(shop: Shop) -> None:
    """TestIntegrationInvoice.testDraftInvoice"""
    ada = shop.account("2015-05-15", billing_day=14)
    ada.buys(shop.price("249.95", "month", trial_days=30))
    ada.on("2015-06-14")
    ada.is_billed("recurring 2015-06-14 2015-07-14 249.95")
    line = {"description": "External charge", "amount": 1000}
    draft = shop.done("/v1/invoices", {"customer": ada.id, "currency": "USD", "lines": [line], "draft": True})
    ada.on("2015-07-14")
    ada.is_billed("""
        recurring 2015-07-14 2015-08-14 249.95

        one_off   2015-06-14 2015-06-14  10
    """)
    shop.done(f"/v1/invoices/{draft['id']}/finalize", {})
    ada.on("2015-07-15")
    assert [(invoice["status"], invoice["total"]["amount"]) for invoice in ada.invoices()] == [
        ("paid", 24995), ("paid", 24995), ("paid", 1000)
    ]  # fmt: skip


def test_the_accounts_credit_is_consumed_by_what_comes_next(shop: Shop) -> None:
    """TestIntegrationInvoice.testWithUserCreditDeletion, where a year that is cancelled gives the credit"""
    ada = shop.account("2015-05-14", billing_day=14)
    ada.buys(shop.price("1000", "year")).does("cancel", at="now", credit=True)
    ada.is_billed("""
        recurring 2015-05-14 2016-05-14 1000

        credit    2015-05-14 2016-05-14 -1000
        to account 1000
    """)
    ada.buys(shop.price("249.95", "month"))
    ada.on("2015-07-14")
    assert str(ada.credit()) == "250.15"
    ada.on("2015-09-14")
    ada.is_billed("""
        recurring 2015-05-14 2015-06-14 249.95
        from account 249.95

        recurring 2015-06-14 2015-07-14 249.95
        from account 249.95

        recurring 2015-07-14 2015-08-14 249.95
        from account 249.95

        recurring 2015-08-14 2015-09-14 249.95
        from account 249.95

        recurring 2015-09-14 2015-10-14 249.95
        from account 0.20
    """)
