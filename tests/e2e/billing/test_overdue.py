"""Kill Bill's tests of overdue accounts (TestOverdueIntegration): after 40 days without payment there is no access, and the days
without are given back once all is paid. That is data of a storefront here: one retry after 40 days, and days that are credited.
"""

from __future__ import annotations

import pytest

from tests.e2e.billing.shop import Account, Shop, Sold


@pytest.fixture
def overdue(shop: Shop) -> Shop:
    return shop.opens(retry_after_s=[40 * 86400], billing={"suspended": "credited"})


def blocked(shop: Shop) -> tuple[Account, Sold]:
    """A customer who did not pay from 31 May on, on 10 July."""
    ada = shop.account("2012-05-01", token="sim_decline", billing_day=31)
    gun = ada.buys(shop.price("249.95", "month", trial_days=30))
    ada.on("2012-07-09")
    ada.is_billed("""
        recurring 2012-05-31 2012-06-30 249.95

        recurring 2012-06-30 2012-07-31 249.95
    """)
    assert (gun.shown()["state"], gun.shown()["access"]) == ("grace", False)  # the first charge of all took access with it
    ada.on("2012-07-10")
    assert gun.shown()["state"] == "suspended"
    return ada, gun


def test_paid_before_the_end_of_the_period(overdue: Shop) -> None:
    """testOverdueStages1"""
    ada, gun = blocked(overdue)
    ada.on("2012-07-20")
    ada.pays()
    assert (gun.shown()["state"], gun.shown()["access"]) == ("active", True)
    ada.on("2012-07-31")
    ada.is_billed("""
        credit 2012-07-10 2012-07-20 -80.63
        to account 80.63

        recurring 2012-07-31 2012-08-31 249.95
        from account 80.63
    """)


def test_paid_at_the_end_of_the_period(overdue: Shop) -> None:
    """testOverdueStages2"""
    ada, _ = blocked(overdue)
    ada.on("2012-07-31")
    ada.is_billed()
    ada.pays()
    ada.on("2012-07-31T00:01")
    ada.is_billed("""
        credit 2012-07-10 2012-07-31 -169.32
        recurring 2012-07-31 2012-08-31 249.95
    """)
    ada.on("2012-08-31")
    ada.is_billed("recurring 2012-08-31 2012-09-30 249.95")


def test_paid_a_day_after_the_end_of_the_period(overdue: Shop) -> None:
    """testOverdueStages3"""
    ada, _ = blocked(overdue)
    ada.on("2012-08-01")
    ada.pays()
    ada.on("2012-08-01T00:01")
    ada.is_billed("""
        credit    2012-07-10 2012-07-31 -169.32
        proration 2012-08-01 2012-08-31  241.89
    """)


def test_paid_and_changed(overdue: Shop) -> None:
    """testOverdueStagesFollowedWithImmediateChange1"""
    rifle = overdue.price("599.95", "month", trial_days=30)
    ada, gun = blocked(overdue)
    ada.on("2012-07-20")
    ada.pays()
    ada.on("2012-07-20T00:01")
    gun.does("change", price=rifle)
    ada.is_billed("""
        credit 2012-07-10 2012-07-20 -80.63
        to account 80.63

        credit    2012-07-20T00:01 2012-07-31 -88.69
        proration 2012-07-20T00:01 2012-07-31 212.89
        from account 80.63
    """)


def test_a_credit_note_pays_as_well(overdue: Shop) -> None:
    """testOverdueStateShouldClearAfterCreditOrInvoiceItemAdjustment"""
    ada, gun = blocked(overdue)
    for invoice in ada.invoices():
        amount = invoice["open"]["amount"]
        overdue.done(
            f"/v1/invoices/{invoice['id']}/credit-notes", {"lines": [{"line": 1, "amount": amount}], "reason": "Goodwill"}
        )
    assert gun.shown()["state"] == "active"


def test_a_draft_is_not_overdue(overdue: Shop) -> None:
    """testShouldNotBeInOverdueAfterDraftExternalCharge"""
    ada = overdue.account("2012-05-01", billing_day=31)
    gun = ada.buys(overdue.price("249.95", "month", trial_days=30))
    line = {"description": "For overdue", "amount": 1000}
    overdue.done("/v1/invoices", {"customer": ada.id, "currency": "USD", "lines": [line], "draft": True})
    ada.on("2012-07-20")
    assert gun.shown()["state"] == "active"
    assert [invoice["status"] for invoice in ada.invoices()] == ["paid", "paid", "draft"]
