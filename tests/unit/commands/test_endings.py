"""Cancelled and expired: from every state, and what goes on afterwards."""

from __future__ import annotations

import pytest

from commands.ports import Captured, Declined
from domain.errors import WrongState
from domain.payment.aggregate import Payment
from tests.unit.commands.shop import AMOUNT, Shop
from tests.unit.commands.test_billing_cycle import BILLED
from tests.unit.commands.test_dunning import sold, suspended
from tests.unit.commands.world import at, captures, declines, silent


def test_cancelled_now_ends_access_now() -> None:
    shop = sold()
    shop.until(at("2026-01-10"))
    subscription = shop.cancel("now")
    assert (subscription.state, subscription.ended_at, subscription.access) == ("cancelled", at("2026-01-10"), False)
    assert shop.until(at("2026-12-31")) == []


def test_cancelled_at_period_end_keeps_access_until_then_and_bills_nothing_more() -> None:
    shop = sold()
    shop.until(at("2026-01-10"))
    subscription = shop.cancel("period_end")
    assert (subscription.state, subscription.cancel_at, subscription.access_until) == (
        "active",
        at("2026-02-01"),
        at("2026-02-01"),
    )
    assert subscription.grants_access(at("2026-01-31"))
    assert not subscription.grants_access(at("2026-02-01"))
    assert shop.until(at("2026-03-01")) == ["subscription.cancelled"]
    assert shop.subscription().ended_at == at("2026-02-01")


def test_a_trial_cancelled_at_its_end_is_never_billed() -> None:
    shop = sold(trial_days=14)
    subscription = shop.cancel("period_end")
    assert (subscription.state, subscription.cancel_at) == ("trial", at("2026-01-15"))
    assert shop.until(at("2026-03-01")) == ["subscription.cancelled"]
    assert shop.invoices() == []


def test_a_trial_cancelled_now() -> None:
    shop = sold(trial_days=14)
    assert shop.cancel("now").state == "cancelled"
    assert shop.until(at("2026-03-01")) == []


def test_a_suspended_subscription_cancels_and_what_is_open_stays_owed() -> None:
    shop = suspended()
    assert shop.cancel("now").state == "cancelled"
    assert [invoice.open for invoice in shop.invoices()] == [0, AMOUNT]


def test_what_has_ended_cannot_end_again() -> None:
    shop = sold()
    shop.cancel("now")
    with pytest.raises(WrongState) as refused:
        shop.cancel("now")
    assert refused.value.allowed == ()


def test_an_end_that_is_set_is_not_set_again_but_may_come_sooner() -> None:
    shop = sold()
    shop.cancel("period_end")
    with pytest.raises(WrongState, match="end_already_scheduled"):
        shop.cancel("period_end")
    assert shop.cancel("now").ended_at == at("2026-01-01")


def test_retries_go_on_after_cancellation_and_the_state_stays() -> None:
    shop = sold(declines)
    shop.cancel("now")
    shop.provider = captures
    assert shop.until(at("2026-01-02")) == ["payment.attempt_started", "payment.captured", "invoice.payment_applied"]
    subscription = shop.subscription()
    assert (subscription.state, subscription.access) == ("cancelled", False)
    assert shop.invoices()[0].closed


def test_retries_that_run_out_after_cancellation_leave_the_state() -> None:
    shop = sold(declines)
    shop.cancel("now")
    shop.until(at("2026-02-01"))
    assert shop.subscription().state == "cancelled"
    assert shop.payments()[0].state == "failed"


def test_an_invoice_can_be_paid_after_the_end() -> None:
    shop = sold(declines)
    shop.cancel("now")
    shop.provider = captures
    assert shop.charge(shop.invoices()[0].id).state == "captured"
    assert shop.subscription().state == "cancelled"
    assert not any(payment.open for payment in shop.payments())


def test_a_late_outcome_after_cancellation_leaves_the_state() -> None:
    shop = sold(silent)
    shop.cancel("now")
    shop.outcome(shop.payments()[0], Declined("stolen"))
    assert shop.subscription().state == "cancelled"
    (payment,) = shop.payments()
    assert payment.state == "waiting"


def test_a_term_expires_in_grace_too() -> None:
    shop = Shop(provider=captures, retry_after_s=(50 * 86_400,))
    shop.price(term_periods=2)
    shop.sell(shop.register())
    shop.provider = declines
    happened = shop.until(at("2026-03-01"))
    assert happened[-2:] == ["subscription.grace_entered", "subscription.expired"]
    subscription = shop.subscription()
    assert (subscription.state, subscription.access) == ("expired", False)


def test_a_term_expires_while_suspended() -> None:
    shop = sold(term_periods=2)
    shop.provider = declines
    shop.until(at("2026-02-28"))
    assert shop.subscription().state == "suspended"
    assert shop.until(at("2026-03-01")) == ["subscription.expired"]


def test_cancelling_in_the_last_period_of_a_term_is_no_news() -> None:
    shop = sold(term_periods=1)
    with pytest.raises(WrongState, match="end_already_scheduled"):
        shop.cancel("period_end")


def test_at_one_instant_payments_come_before_the_end() -> None:
    shop = sold(trial_days=0, unit="day")
    shop.provider = declines
    shop.until(at("2026-01-02"))  # failed: its retry falls due with the end of the period
    shop.cancel("period_end")
    shop.provider = captures
    assert shop.until(at("2026-01-03")) == [
        "payment.attempt_started", "payment.captured", "invoice.payment_applied", "subscription.reinstated",
        "subscription.cancelled",
    ]  # fmt: skip


def test_at_one_instant_the_trial_ends_before_the_bill() -> None:
    shop = sold(trial_days=3)
    assert shop.until(at("2026-01-04"))[:2] == ["subscription.activated", "subscription.billed"]


def test_at_one_instant_the_end_of_a_trial_comes_before_its_activation() -> None:
    shop = sold(trial_days=3)
    shop.cancel("period_end")
    assert shop.until(at("2026-01-04")) == ["subscription.cancelled"]


def test_at_one_instant_retries_come_before_the_bill() -> None:
    shop = sold(unit="day")
    shop.provider = declines
    shop.until(at("2026-01-02"))
    shop.provider = captures
    happened = shop.until(at("2026-01-03"))
    assert happened == [
        "payment.attempt_started", "payment.captured", "invoice.payment_applied", "subscription.reinstated", *BILLED,
    ]  # fmt: skip


def test_a_cancellation_that_fires_late_is_dated_when_it_was_due() -> None:
    shop = sold()
    shop.cancel("period_end")
    shop.now = at("2026-02-03")
    shop._fire(f"acme/{shop.subscription().customer}")
    assert shop.subscription().ended_at == at("2026-02-01")


def test_money_that_comes_after_the_end_is_still_applied() -> None:
    shop = sold(silent)
    shop.cancel("now")
    shop.outcome(shop.payments()[0], Captured("ref", AMOUNT))
    assert shop.get(Payment, shop.payments()[0].id).applied == AMOUNT
