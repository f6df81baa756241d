"""What a storefront does when money does not come is data; and whatever comes in between, no payment in flight races it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from itertools import product

import pytest

from commands.ports import Captured, Declined
from domain.customer.events import PaymentMethod
from domain.errors import RuleViolated, WrongState
from domain.payment.aggregate import Payment
from tests.unit.commands.desk import Desk
from tests.unit.commands.shop import DAY
from tests.unit.commands.world import Provider, at, captures, declines, silent

MIDNIGHT = at("2026-02-01")


def expired(_: Payment) -> Declined:
    return Declined("expired_card", hard=True)


def overdue(provider: Provider, *, now: str = "2026-02-01", **dunning: object) -> Desk:
    """Ada paid January; what ``provider`` said of February's charge and its retries, after one day and three more, has come."""
    desk = Desk(dunning=dunning)
    desk.sell(desk.ada, "basic")
    desk.provider = provider
    desk.until(at(now))
    return desk


def called(desk: Desk) -> int:
    """How often the provider was called for the newest payment."""
    return sum(attempt.provider is not None for attempt in desk.payments()[-1].tries)


class TestSchedule:
    @pytest.mark.parametrize("days", [(1, 3, 5, 7), (2,), ()])
    def test_it_is_the_storefronts(self, days: tuple[int, ...]) -> None:
        desk = Desk(retry_after_s=[day * DAY for day in days])
        desk.sell(desk.ada, "basic")
        desk.provider = declines
        desk.until(at("2026-03-01"))
        payment = desk.payments()[-1]
        waited = [timedelta(days=sum(days[:number])) for number in range(len(days) + 1)]
        assert [attempt.started_at - MIDNIGHT for attempt in payment.tries] == waited
        assert desk.subscription().suspended_at == MIDNIGHT + waited[-1]

    def test_entitlements_are_kept_in_grace_and_revoked_at_exactly_the_end_of_the_last_retry(self) -> None:
        desk = overdue(declines, now="2026-02-04T23:59:59")
        subscription = desk.subscription()
        assert (subscription.state, subscription.grants_access(desk.now)) == ("grace", True)
        desk.until(at("2026-02-05"))
        (suspended,) = [event for event in desk.said if event.TOPIC == "subscription.suspended.v2"]
        assert suspended.timestamp == at("2026-02-05")
        assert not desk.subscription().grants_access(at("2026-02-05"))

    def test_a_hard_decline_stops_the_calls_and_not_the_grace(self) -> None:
        desk = overdue(expired, now="2026-02-04T23:59")
        assert called(desk) == 1
        assert desk.subscription().state == "grace"
        desk.until(at("2026-02-05"))
        assert (called(desk), desk.subscription().state) == (1, "suspended")
        assert [attempt.code for attempt in desk.payments()[-1].tries] == ["expired_card"] * 3

    def test_another_card_is_tried_by_the_next_retry(self) -> None:
        desk = overdue(expired)
        desk.provider = silent
        desk.use_card(desk.ada, "sim_other")  # at once
        manual = desk.payments()[-1]
        desk.outcome(manual, Declined("insufficient_funds"))
        desk.provider = captures
        desk.until(at("2026-02-02"))
        assert (desk.newest().state, desk.subscription().state) == ("paid", "active")

    def test_where_hard_declines_are_retried_they_are_calls(self) -> None:
        assert called(overdue(expired, now="2026-02-05", hard_declines="retry")) == 3


class TestGivenUp:
    @pytest.mark.parametrize(("by", "state", "written_off"), [("cancel", "open", 0), ("write_off", "uncollectible", 3100)])
    def test_after_so_many_days_it_is_cancelled_or_written_off_as_well(self, by: str, state: str, written_off: int) -> None:
        desk = overdue(declines, now="2026-02-14T23:59", give_up_after_days=10, give_up_by=by)
        assert desk.subscription().state == "suspended"
        desk.until(at("2026-02-15"))
        subscription, invoice = desk.subscription(), desk.newest()
        assert (subscription.state, subscription.ended_at) == ("cancelled", at("2026-02-15"))
        assert (invoice.state, invoice.written_off) == (state, written_off)
        assert desk.until(at("2026-06-01")) == []

    @pytest.mark.parametrize(("by", "state"), [("cancel", "open"), ("write_off", "uncollectible")])
    def test_what_is_owed_in_arrears_is_billed_to_the_end(self, by: str, state: str) -> None:
        desk = Desk(dunning={"give_up_after_days": 10, "give_up_by": by})
        fee = {"id": "fee", "name": "Fee", "pricing": {"model": "flat", "amount": 2800}, "due": "in_arrears"}
        desk.price("arrears", None, charges=[fee])
        desk.sell(desk.ada, "arrears")
        desk.provider = declines
        desk.until(at("2026-02-15"))
        assert (desk.subscription().state, desk.newest().state) == ("cancelled", state)
        assert [line.period_start for line in desk.newest().lines] == [at("2026-02-01")]

    def test_what_is_a_draft_then_is_written_off_too(self) -> None:
        desk = Desk(dunning={"give_up_after_days": 2, "give_up_by": "write_off"}, billing={"draft_days": 7})
        desk.price("weekly", 700, unit="week")
        desk.sell(desk.ada, "weekly")
        desk.until(at("2026-01-10"))
        desk.provider = declines
        desk.until(at("2026-03-01"))
        assert desk.subscription().state == "cancelled"
        assert {invoice.state for invoice in desk.invoices()} <= {"paid", "uncollectible"}

    def test_healed_before_it_is_not(self) -> None:
        desk = overdue(declines, now="2026-02-14", give_up_after_days=10)
        desk.record(desk.newest().id, 3100)
        assert desk.subscription().gives_up_at is None
        desk.provider = captures
        desk.until(at("2026-03-15"))
        assert desk.subscription().state == "active"

    def test_what_was_cancelled_is_owed_still_and_can_be_paid(self) -> None:
        desk = overdue(declines, now="2026-02-15", give_up_after_days=10)
        desk.record(desk.newest().id, 3100)
        assert (desk.newest().state, desk.subscription().state) == ("paid", "cancelled")


class TestHealing:
    def test_a_new_card_is_charged_at_once_and_the_schedule_goes_on_if_it_fails(self) -> None:
        desk = overdue(declines)
        desk.use_card(desk.ada, "sim_other")
        assert [payment.state for payment in desk.payments()[-2:]] == ["waiting", "failed"]
        desk.provider = captures
        desk.use_card(desk.ada, "sim_third")
        assert (desk.newest().state, desk.subscription().state) == ("paid", "active")
        assert [payment.state for payment in desk.payments()[-3:]] == ["abandoned", "failed", "captured"]

    def test_a_new_card_brings_back_what_was_suspended(self) -> None:
        desk = overdue(declines, now="2026-02-10")
        desk.provider = captures
        desk.use_card(desk.ada, "sim_other")
        assert desk.subscription().grants_access(desk.now)

    def test_with_no_card_nothing_is_tried(self) -> None:
        desk = overdue(declines)
        before = len(desk.payments())
        desk.use_card(desk.ada, None)
        assert len(desk.payments()) == before

    def test_retries_outlive_a_cancellation(self) -> None:
        desk = overdue(declines)
        desk.cancel("now")
        desk.provider = captures
        desk.until(at("2026-02-02"))
        assert (desk.newest().state, desk.subscription().state) == ("paid", "cancelled")

    def test_what_is_not_due_yet_keeps_nobody_out(self) -> None:
        desk = Desk(billing={"payment_terms_days": 20})
        desk.price("weekly", 700, unit="week")
        desk.sell(desk.ada, "weekly")
        desk.provider = declines
        desk.until(at("2026-01-21"))  # of three invoices one is due
        assert desk.subscription().state == "grace"
        desk.record(desk.invoices()[0].id, 700)
        assert desk.subscription().state == "active"
        desk.provider = captures
        desk.until(at("2026-02-12"))
        assert [invoice.state for invoice in desk.invoices()] == ["paid"] * 4 + ["open"] * 3

    def test_what_falls_due_while_suspended_is_charged_once_and_not_retried(self) -> None:
        desk = Desk(billing={"payment_terms_days": 20})
        desk.price("weekly", 700, unit="week")
        desk.sell(desk.ada, "weekly")
        desk.provider = declines
        desk.until(at("2026-02-12"))
        assert desk.subscription().suspended_at == at("2026-01-25")
        assert [(len(payment.tries), payment.state) for payment in desk.payments()] == [
            (3, "failed"), (1, "abandoned"), (1, "abandoned"), (1, "abandoned"),
        ]  # fmt: skip
        for invoice in desk.invoices():
            assert desk.subscription().state == "suspended"
            desk.record(invoice.id, 700)
        assert desk.subscription().state == "active"


@pytest.mark.parametrize("purpose", ["retry", "charge"])
def test_a_card_that_is_given_while_another_is_charged_is_tried_at_once(purpose: str) -> None:
    desk = overdue(declines, now="2026-02-02")
    desk.provider = silent
    STEPS[purpose](desk)
    STEPS["card"](desk)
    STEPS["declined"](desk)
    [running] = [payment for payment in desk.payments() if payment.in_progress]
    assert running.attempt is not None
    assert running.attempt.method == PaymentMethod(provider="simulator", token="sim_other")
    STEPS["captured"](desk)
    assert (desk.newest().state, desk.subscription().state) == ("paid", "active")


def retry_falls_due(desk: Desk) -> None:
    desk.until(max((payment.retry_at or desk.now for payment in desk.payments()), default=desk.now))


def _answer(outcome: Captured | Declined) -> Callable[[Desk], None]:
    def answer(desk: Desk) -> None:
        for payment in desk.payments():
            if payment.in_progress:
                desk.outcome(payment, outcome)

    return answer


STEPS: dict[str, Callable[[Desk], object]] = {
    "retry": retry_falls_due,
    "charge": lambda desk: desk.charge(desk.newest().id),
    "card": lambda desk: desk.use_card(desk.ada, "sim_other"),
    "captured": _answer(Captured("ref", 3100)),
    "declined": _answer(Declined("insufficient_funds")),
    "record": lambda desk: desk.record(desk.newest().id, 3100),
    "note": lambda desk: desk.note(desk.newest(), line_1=1000),
}


@pytest.mark.parametrize("first", STEPS)
def test_no_payment_in_flight_races_the_suspension(first: str) -> None:
    """All that may happen, in every order, between the last but one retry and what comes of the last."""
    for rest in product(STEPS, repeat=2):
        desk = overdue(declines, now="2026-02-02")
        desk.provider = silent
        for step in (first, *rest, "retry", "declined", "declined"):  # the last one of a card that was given meanwhile
            with suppress(WrongState, RuleViolated):  # paid, under way, given up already
                STEPS[step](desk)
            check(desk)
        subscription, invoice = desk.subscription(), desk.newest()
        assert (invoice.state, subscription.state) in (("paid", "active"), ("open", "suspended")), (first, rest)
        came = sum(payment.applied + payment.surplus for payment in desk.payments()) + sum(invoice.noted)
        assert desk.credit == came - 3100 - (3100 - invoice.open), (first, rest)


def check(desk: Desk) -> None:
    subscription, invoice = desk.subscription(), desk.newest()
    running = [payment for payment in desk.payments() if payment.in_progress]
    assert len(running) <= 1
    if subscription.state == "suspended":
        assert invoice.state == "open"
        assert not any(payment.open and payment.purpose == "automatic" for payment in desk.payments())
    else:
        assert subscription.state == ("active" if invoice.state == "paid" else "grace")
    assert subscription.grants_access(desk.now) == (subscription.state != "suspended")
