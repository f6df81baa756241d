"""Payments that fail: grace, retries, suspension, and the way back."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from commands.ports import Captured, Declined, Unknown
from commands.subscription.trial import SetTrialEnd, set_trial_end
from domain.errors import WrongState
from domain.payment.aggregate import Payment
from tests.unit.commands.desk import Desk
from tests.unit.commands.shop import AMOUNT, DAY, Shop
from tests.unit.commands.test_billing_cycle import BILLED, PAID
from tests.unit.commands.world import Provider, at, captures, declines, silent, unknown

REQUESTED = ["subscription.billed", "invoice.issued", "payment.requested", "payment.attempt_started"]
RETRY = ["payment.attempt_started", "payment.attempt_failed"]
EXHAUSTED = [*RETRY, "subscription.suspended"]


def sold(provider: Provider = captures, **terms: Any) -> Shop:
    """Ada's monthly subscription, started on 1 January 2026."""
    shop = Shop(provider=provider)
    shop.price(**terms)
    shop.sell(shop.register())
    return shop


def suspended() -> Shop:
    """The charge of 1 February and both of its retries failed: suspended since the 5th."""
    shop = sold()
    shop.provider = declines
    shop.until(at("2026-02-05"))
    assert shop.subscription().state == "suspended"
    return shop


@pytest.mark.parametrize("convert", [False, True])
def test_a_trial_whose_fee_was_not_to_be_had_is_followed_by_nothing_until_it_is_paid(convert: bool) -> None:
    desk = Desk(declines)
    desk.price("paid-trial", 3100, trial_days=14, trial_fee=500)
    desk.sell(desk.ada, "paid-trial")
    desk.until(at("2026-01-10"))
    assert desk.subscription().grants_access(desk.now)
    desk.provider = captures
    if convert:
        id = desk.subscription().id
        desk.client(lambda unit: set_trial_end(unit, id, SetTrialEnd()), desk.ada)
    desk.until(at("2026-01-15"))
    assert (desk.subscription().state, desk.subscription().access) == ("suspended", False)
    assert [invoice.total for invoice in desk.invoices()] == [500]

    desk.record(desk.newest().id, 500)

    assert (desk.subscription().state, desk.subscription().access) == ("active", True)


def test_a_new_card_that_is_tried_when_the_trial_ends_is_no_payment_yet() -> None:
    # given a fee whose charges have all failed, and a new card that has not answered when the trial ends
    desk = Desk(declines)
    desk.price("paid-trial", 3100, trial_days=14, trial_fee=500)
    desk.sell(desk.ada, "paid-trial")
    desk.until(at("2026-01-10"))
    desk.provider = silent
    desk.use_card(desk.ada, "sim_other")
    desk.until(at("2026-01-15"))
    assert desk.subscription().state == "grace"
    # when it is refused as well
    for running in [payment for payment in desk.payments() if payment.in_progress]:
        desk.outcome(running, Declined("insufficient_funds"))
    # then it is as if it had never been
    assert desk.subscription().state == "suspended"


def test_the_first_charge_that_fails_takes_access_with_it() -> None:
    shop = sold(declines)
    assert shop.topics()[-2:] == ["payment.attempt_failed", "subscription.grace_entered"]
    subscription = shop.subscription()
    assert (subscription.state, subscription.access) == ("grace", False)


def test_a_later_charge_that_fails_leaves_access() -> None:
    shop = sold()
    shop.provider = declines
    assert shop.until(at("2026-02-01")) == [*REQUESTED, "payment.attempt_failed", "subscription.grace_entered"]
    subscription = shop.subscription()
    assert (subscription.state, subscription.access) == ("grace", True)
    assert subscription.grants_access(shop.now)


def test_retries_follow_the_schedule_of_the_day_the_charge_was_asked_for() -> None:
    shop = sold()
    shop.provider = declines
    shop.until(at("2026-02-04"))
    (*_, payment) = shop.payments()
    assert payment.retry_after_s == (DAY, 3 * DAY)
    assert [attempt.started_at for attempt in payment.tries] == [at("2026-02-01"), at("2026-02-02")]
    assert payment.retry_at == at("2026-02-05")


def test_a_retry_that_succeeds_reinstates() -> None:
    shop = sold()
    shop.provider = declines
    shop.until(at("2026-02-01"))
    shop.provider = captures
    assert shop.until(at("2026-02-10")) == ["payment.attempt_started", *PAID, "subscription.reinstated"]
    assert shop.subscription().state == "active"


def test_access_that_the_first_charge_took_comes_back_with_the_money() -> None:
    shop = sold(declines)
    shop.provider = captures
    shop.until(at("2026-01-02"))
    subscription = shop.subscription()
    assert (subscription.state, subscription.access) == ("active", True)


def test_exhausted_retries_suspend_and_withdraw_access_at_that_moment() -> None:
    shop = sold()
    shop.provider = declines
    shop.until(at("2026-02-04T23:59:59"))
    assert shop.until(at("2026-02-05")) == EXHAUSTED
    subscription = shop.subscription()
    assert (subscription.state, subscription.access, subscription.suspended_at) == ("suspended", False, at("2026-02-05"))


def test_no_period_is_billed_while_suspended() -> None:
    shop = suspended()
    assert shop.until(at("2026-06-15")) == []


def test_suspension_abandons_the_retries_of_the_other_invoices() -> None:
    shop = sold(unit="day")
    shop.provider = declines
    shop.until(at("2026-01-06"))
    abandoned = [payment for payment in shop.payments() if payment.state == "abandoned"]
    failed = [payment for payment in shop.payments() if payment.state == "failed"]
    assert shop.subscription().state == "suspended"
    assert len(failed) == 1
    assert len(abandoned) >= 2
    assert not any(payment.open for payment in shop.payments())


def test_suspension_waits_for_an_attempt_whose_outcome_is_unknown() -> None:
    shop = sold(unit="week")
    shop.provider = declines
    shop.until(at("2026-01-08"))  # the first of three attempts; the next weekly bill comes on the 15th
    shop.provider = unknown
    shop.until(at("2026-01-09"))  # the second is unknown
    assert shop.subscription().state == "grace"
    payment = shop.payments()[-1]
    assert payment.state == "unknown"
    shop.until(at("2026-01-12"))
    assert shop.subscription().state == "grace"


def test_an_unknown_attempt_of_another_invoice_holds_suspension_back_until_it_fails() -> None:
    shop = sold(unit="day")
    shop.provider = declines
    shop.until(at("2026-01-02"))
    first = shop.payments()[-1]
    shop.provider = lambda payment: declines(payment) if payment.id == first.id else Unknown()
    shop.until(at("2026-01-06"))
    assert shop.get(Payment, first.id).state == "failed"
    assert shop.subscription().state == "grace"
    others = [payment for payment in shop.payments() if payment.in_progress]
    happened = [topic for payment in others for topic in shop.outcome(payment, Declined("expired_card"))]
    assert "subscription.suspended" in happened
    assert happened.count("subscription.suspended") == 1
    assert "payment.abandoned" in happened


def test_an_unknown_attempt_is_looked_at_while_its_key_lives_and_never_replaced() -> None:
    shop = sold(unknown)
    shop.until(at("2026-01-10"))
    (payment,) = shop.payments()
    assert payment.state == "unknown"
    assert payment.attempts == 1
    assert payment.check_at is None
    assert payment.checks > 10
    assert shop.subscription().state == "active"


def test_a_late_capture_of_what_was_paid_meanwhile_is_surplus() -> None:
    shop = sold(silent)
    (invoice,), (payment,) = shop.invoices(), shop.payments()
    shop.record(invoice.id, AMOUNT)
    shop.outcome(payment, Captured("ref", AMOUNT))
    captured = shop.get(Payment, payment.id)
    assert (captured.state, captured.applied, captured.surplus) == ("captured", 0, AMOUNT)
    assert shop.invoices()[0].closed


def test_a_late_failure_of_what_was_paid_meanwhile_changes_nothing_for_access() -> None:
    shop = sold(silent)
    shop.record(shop.invoices()[0].id, AMOUNT)
    shop.outcome(shop.payments()[0], Declined("insufficient_funds"))
    subscription = shop.subscription()
    assert (subscription.state, subscription.access) == ("active", True)


def test_no_payment_method_is_a_failed_attempt_without_a_call() -> None:
    called: list[Payment] = []

    def provider(payment: Payment) -> Captured:
        called.append(payment)
        return Captured("ref", payment.amount.amount)

    shop = Shop(provider=provider)
    shop.price()
    ada = shop.register(method=None)
    shop.sell(ada)
    (payment,) = shop.payments()
    assert not called
    assert (payment.failure, payment.retry_at) == ("no_payment_method", at("2026-01-02"))
    assert shop.subscription().state == "grace"
    shop.use_card(ada, "sim_ok")
    shop.until(at("2026-01-02"))
    assert len(called) == 1
    assert shop.subscription().state == "active"


def test_a_payment_of_all_that_is_overdue_reinstates_and_billing_goes_on_from_the_next_anchor() -> None:
    shop = suspended()
    shop.until(at("2026-04-15"))
    shop.provider = captures
    before = len(shop.said)
    (overdue,) = (invoice for invoice in shop.invoices() if not invoice.closed)

    shop.charge(overdue.id)

    assert shop.topics(before) == ["payment.requested", "payment.attempt_started", *PAID, "subscription.reinstated"]
    subscription = shop.subscription()
    assert (subscription.state, subscription.access) == ("active", True)
    assert shop.until(at("2026-04-30")) == []
    assert shop.until(at("2026-05-01")) == BILLED
    assert [invoice.lines[0].period_start.month for invoice in shop.invoices()] == [1, 2, 5]


def test_reinstated_at_an_anchor_that_period_is_billed() -> None:
    shop = suspended()
    shop.until(at("2026-04-01"))
    shop.provider = captures
    shop.charge(next(invoice.id for invoice in shop.invoices() if not invoice.closed))
    shop.until(at("2026-04-01"))
    assert [invoice.lines[0].period_start.month for invoice in shop.invoices()] == [1, 2, 4]


def test_part_of_what_is_overdue_reinstates_nothing() -> None:
    shop = suspended()
    overdue = next(invoice for invoice in shop.invoices() if not invoice.closed)
    shop.record(overdue.id, AMOUNT - 1)
    assert shop.subscription().state == "suspended"
    shop.record(overdue.id, 1)
    assert shop.subscription().state == "active"


def test_money_from_elsewhere_abandons_the_retries() -> None:
    shop = sold(declines)
    (invoice,) = shop.invoices()
    before = len(shop.said)
    shop.record(invoice.id, AMOUNT)
    assert shop.topics(before) == [
        "payment.recorded", "invoice.payment_applied", "payment.abandoned", "subscription.reinstated",
    ]  # fmt: skip
    assert shop.until(at("2026-01-31")) == []


def test_a_manual_charge_that_fails_is_tried_once_and_leaves_the_state() -> None:
    shop = suspended()
    overdue = next(invoice for invoice in shop.invoices() if not invoice.closed)
    payment = shop.charge(overdue.id)
    assert (payment.state, payment.retry_at, payment.purpose) == ("failed", None, "manual")
    assert shop.subscription().state == "suspended"


def test_retries_of_an_invoice_that_a_manual_charge_paid_are_abandoned() -> None:
    shop = sold(declines)
    (invoice,), (automatic,) = shop.invoices(), shop.payments()
    shop.provider = captures
    shop.charge(invoice.id)
    assert shop.get(Payment, automatic.id).state == "abandoned"
    assert shop.subscription().state == "active"


def test_one_attempt_at_a_time_for_an_invoice() -> None:
    shop = sold(silent)
    (invoice,) = shop.invoices()
    with pytest.raises(WrongState, match="payment_in_progress"):
        shop.charge(invoice.id)


def test_a_retry_falling_due_while_a_manual_charge_is_in_progress_starts_no_second_attempt() -> None:
    shop = sold(declines)
    (invoice,) = shop.invoices()
    shop.provider = silent
    manual = shop.charge(invoice.id)
    shop.until(at("2026-01-03"))
    in_progress = [payment for payment in shop.payments() if payment.in_progress]
    assert [payment.id for payment in in_progress] == [manual.id]


def test_a_paid_invoice_takes_no_more() -> None:
    shop = sold()
    with pytest.raises(WrongState, match="invoice_paid"):
        shop.charge(shop.invoices()[0].id)


@pytest.mark.parametrize("late", [timedelta(0), timedelta(hours=5)])
def test_without_retries_the_first_failure_suspends(late: timedelta) -> None:
    shop = Shop(provider=silent, retry_after_s=())
    shop.price()
    shop.sell(shop.register())
    when: datetime = shop.now + late
    assert shop.outcome(shop.payments()[0], Declined("stolen"), when) == [
        "payment.attempt_failed", "subscription.grace_entered", "subscription.suspended",
    ]  # fmt: skip
