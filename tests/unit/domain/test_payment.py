"""What a payment decides: one attempt at a time, retries by the copied schedule, checks while the provider's key lives."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.money import Money
from domain.payment.aggregate import CHECK_AFTER_S, KEY_LIFE, NO_PAYMENT_METHOD, Payment
from domain.payment.events import Attempt, PaymentAttemptStarted
from tests.unit.domain.make import CARD, CUSTOMER, DAY, INVOICE, JAN_1, PAYMENT, SUBSCRIPTION, at, payment
from tests.unit.domain.scenario import fold, said, taken, when

EUR_10 = Money(amount=1000, currency="EUR")


def pending(*retry_after_s: int) -> Payment:
    """Its first attempt runs."""
    asked = payment(*retry_after_s)
    asked.start_attempt(CARD, 1000, JAN_1)
    return asked


def unknown(*retry_after_s: int) -> Payment:
    """No outcome of its first attempt is known."""
    asked = pending(*retry_after_s)
    asked.lose_track(JAN_1)
    return asked


def test_requested_it_waits_for_its_first_attempt() -> None:
    asked = payment(DAY, 3 * DAY)
    assert (asked.state, asked.attempts, asked.open, asked.in_progress, asked.timers()) == ("waiting", 0, True, False, ())
    assert said(taken(asked)[0]) == (
        "payment.requested.v2",
        {
            "tenant": "acme",
            "customer": CUSTOMER,
            "subscription": SUBSCRIPTION,
            "storefront": "web",
            "invoice": INVOICE,
            "purpose": "automatic",
            "amount": EUR_10,
            "retry_after_s": (DAY, 3 * DAY),
            "attempt_at": None,
        },
    )


class TestAttempt:
    def test_it_is_told_before_the_call_with_the_providers_key(self) -> None:
        asked = payment(DAY)
        assert when(asked, lambda p: p.start_attempt(CARD, 1000, JAN_1)) == [
            (
                "payment.attempt_started.v1",
                {"attempt": 1, "amount": EUR_10, "key": f"{PAYMENT}-1", "key_expires_at": JAN_1 + KEY_LIFE, "method": CARD},
            )
        ]
        assert asked.in_progress

    def test_without_a_method_it_fails_and_is_retried(self) -> None:
        asked = payment(DAY)
        said_ = when(asked, lambda p: p.start_attempt(None, 1000, JAN_1))
        assert [name for name, _ in said_] == ["payment.attempt_started.v1", "payment.attempt_failed.v2"]
        assert said_[1][1] == {"attempt": 1, "code": NO_PAYMENT_METHOD, "hard": False, "retry_at": at("2026-01-02")}

    def test_each_attempt_has_a_key_of_its_own(self) -> None:
        asked = pending(DAY)
        asked.fail("card_declined", JAN_1)
        asked.start_attempt(CARD, 1000, at("2026-01-02"))
        assert asked.attempt is not None
        assert (asked.attempts, asked.attempt.key, asked.checks) == (2, f"{PAYMENT}-2", 0)

    def test_a_retry_asks_for_what_is_open_then(self) -> None:
        asked = pending(DAY)
        asked.fail("card_declined", JAN_1)
        asked.start_attempt(CARD, 400, at("2026-01-02"))
        assert asked.attempt is not None
        assert (asked.amount, asked.attempt.amount) == (EUR_10, Money(amount=400, currency="EUR"))

    def test_what_came_of_each_is_kept(self) -> None:
        asked, jan_2, jan_3 = pending(DAY), at("2026-01-02"), at("2026-01-03")
        asked.lose_track(JAN_1)
        asked.fail("card_declined", JAN_1)
        asked.start_attempt(None, 1000, jan_2)
        assert asked.tries == (
            Attempt(1, JAN_1, "simulator", "failed", JAN_1, code="card_declined"),
            Attempt(2, jan_2, None, "failed", jan_2, code=NO_PAYMENT_METHOD),
        )
        other = pending()
        other.capture("ch_1", 1000, 1000, 0, jan_3)
        assert other.tries == (Attempt(1, JAN_1, "simulator", "captured", jan_3, reference="ch_1"),)


class TestOutcome:
    @pytest.mark.parametrize("running", [pending, unknown])
    def test_captured(self, running: Callable[[], Payment]) -> None:
        now = at("2026-01-01T00:01")
        asked = running()
        assert when(asked, lambda p: p.capture("ch_1", 1000, 900, 100, now)) == [
            (
                "payment.captured.v1",
                {
                    "attempt": 1,
                    "provider_reference": "ch_1",
                    "amount": EUR_10,
                    "applied": 900,
                    "surplus": 100,
                    "captured_at": now,
                },
            )
        ]
        assert (asked.state, asked.applied, asked.surplus, asked.open, asked.timers()) == ("captured", 900, 100, False, ())

    @pytest.mark.parametrize("running", [pending, unknown])
    def test_failed_it_waits_for_the_retry(self, running: Callable[..., Payment]) -> None:
        asked = running(2 * DAY)
        assert when(asked, lambda p: p.fail("card_declined", JAN_1)) == [
            ("payment.attempt_failed.v2", {"attempt": 1, "code": "card_declined", "hard": False, "retry_at": at("2026-01-03")})
        ]
        assert (asked.state, asked.failure, asked.timers()) == ("waiting", "card_declined", (("retry", at("2026-01-03")),))

    def test_failed_with_the_schedule_used_up_it_is_over(self) -> None:
        asked = pending()
        asked.fail("card_declined", JAN_1)
        assert (asked.state, asked.open, asked.timers()) == ("failed", False, ())

    def test_unknown_it_is_looked_at_again(self) -> None:
        asked = pending()
        check_at = JAN_1 + timedelta(seconds=60)
        assert when(asked, lambda p: p.lose_track(JAN_1)) == [
            ("payment.attempt_unknown.v1", {"attempt": 1, "check": 1, "check_at": check_at})
        ]
        assert (asked.state, asked.in_progress, asked.timers()) == ("unknown", True, (("check", check_at),))

    def test_a_failure_is_forgotten_once_captured(self) -> None:
        asked = pending(DAY)
        asked.fail("card_declined", JAN_1)
        asked.start_attempt(CARD, 1000, at("2026-01-02"))
        asked.capture("ch_1", 1000, 1000, 0, at("2026-01-02"))
        assert (asked.failure, asked.retry_at) == (None, None)


def test_abandoned_no_retry_is_due() -> None:
    asked = pending(DAY)
    asked.fail("card_declined", JAN_1)
    assert when(asked, lambda p: p.abandon("subscription_suspended", JAN_1)) == [
        ("payment.abandoned.v1", {"cause": "subscription_suspended"})
    ]
    assert (asked.state, asked.open, asked.timers()) == ("abandoned", False, ())


def test_recorded_is_money_paid_elsewhere() -> None:
    recorded = Payment.record(
        PAYMENT,
        tenant="acme",
        customer=CUSTOMER,
        subscription=SUBSCRIPTION,
        storefront="web",
        invoice=INVOICE,
        amount=EUR_10,
        applied=600,
        surplus=400,
        paid_at=at("2025-12-24"),
        reference="bank 17",
        now=JAN_1,
    )
    assert (recorded.state, recorded.purpose, recorded.open, recorded.in_progress) == ("recorded", "recorded", False, False)
    assert (recorded.applied, recorded.surplus, recorded.checks, recorded.timers()) == (600, 400, 0, ())
    [event] = taken(recorded)
    name, fields = said(event)
    assert name == "payment.recorded.v1"
    assert (fields["paid_at"], fields["reference"], event.timestamp) == (at("2025-12-24"), "bank 17", JAN_1)


PROGRAMMERS_ERRORS: dict[str, Callable[[], object]] = {
    "a second attempt while one runs": lambda: pending().start_attempt(CARD, 1000, JAN_1),
    "a second attempt while the first is unknown": lambda: unknown().start_attempt(CARD, 1000, JAN_1),
    "an outcome without an attempt": lambda: payment().capture("ch_1", 1000, 1000, 0, JAN_1),
    "a failure without an attempt": lambda: payment().fail("x", JAN_1),
    "an unknown outcome without an attempt": lambda: payment().lose_track(JAN_1),
    "abandoned while an attempt runs": lambda: pending().abandon("invoice_paid", JAN_1),
    "abandoned while an attempt is unknown": lambda: unknown().abandon("invoice_paid", JAN_1),
    "money that is neither applied nor surplus": lambda: pending().capture("ch_1", 1000, 900, 0, JAN_1),
}


@pytest.mark.parametrize("decide", PROGRAMMERS_ERRORS.values(), ids=PROGRAMMERS_ERRORS)
def test_what_a_program_must_not_ask(decide: Callable[[], object]) -> None:
    with pytest.raises(AssertionError):
        decide()


@given(st.lists(st.integers(60, 366 * DAY), max_size=6))
def test_attempts_follow_the_copied_schedule(schedule: list[int]) -> None:
    """Where each attempt fails at once, attempt n + 1 starts after the n-th wait, and there is one attempt more than waits."""
    asked, now, started = payment(*schedule), JAN_1, [JAN_1]
    asked.start_attempt(CARD, 1000, now)
    asked.fail("card_declined", now)
    while asked.timers():
        [(kind, now)] = asked.timers()
        assert kind == "retry"
        started.append(now)
        asked.start_attempt(CARD, 1000, now)
        asked.fail("card_declined", now)
    assert [(after - before).total_seconds() for before, after in pairwise(started)] == schedule
    assert (asked.state, asked.attempts) == ("failed", len(schedule) + 1)


@given(st.lists(st.integers(0, 7200), max_size=60))
def test_checks_stop_at_the_keys_life(late_s: list[int]) -> None:
    """However late each check comes: none is planned for when the provider may have forgotten the key."""
    asked, now, checks = pending(), JAN_1, 0
    expires = JAN_1 + KEY_LIFE
    for late in [*late_s, *[0] * 60]:
        asked.lose_track(now)
        checks += 1
        if not asked.timers():
            break
        [(kind, due)] = asked.timers()
        assert kind == "check"
        assert (due - now).total_seconds() == CHECK_AFTER_S[min(checks, len(CHECK_AFTER_S)) - 1]
        assert due < expires
        now = due + timedelta(seconds=late)
    assert asked.timers() == ()
    assert (asked.state, asked.checks) == ("unknown", checks)
    assert asked.in_progress  # nothing else may be tried until the provider's final state is known
    assert now + timedelta(hours=1) >= expires


steps = st.lists(st.tuples(st.sampled_from(["fail", "lose", "capture", "abandon"]), st.integers(0, 5 * DAY)), max_size=25)


@given(st.lists(st.integers(60, 7 * DAY), max_size=3), steps)
def test_any_course_keeps_the_rules(schedule: list[int], course: list[tuple[str, int]]) -> None:
    asked, now = payment(*schedule), JAN_1
    asked.start_attempt(CARD, 1000, now)
    for step, wait_s in course:
        now += timedelta(seconds=wait_s)
        take(asked, step, now)
        assert asked.in_progress == (asked.state in ("pending", "unknown"))
        assert len(asked.timers()) <= 1
        assert asked.attempts <= len(schedule) + 1
        if asked.state == "captured":
            assert asked.applied + asked.surplus == asked.amount.amount
    events = taken(asked)
    assert fold(events, Payment) == asked
    numbers = [event.attempt for event in events if isinstance(event, PaymentAttemptStarted)]
    assert numbers == [tried.number for tried in asked.tries] == list(range(1, asked.attempts + 1))
    assert all(tried.state == "failed" for tried in asked.tries[:-1])  # the next starts only after a final outcome of the last


def take(asked: Payment, step: str, now: datetime) -> None:
    """One step of a course, where the payment's state lets it happen."""
    if asked.in_progress:
        match step:
            case "fail":
                asked.fail("card_declined", now)
            case "lose":
                asked.lose_track(now)
            case "capture":
                asked.capture("ch_1", 1000, 700, 300, now)
    elif asked.state == "waiting":
        if step == "abandon":
            asked.abandon("invoice_paid", now)
        elif asked.retry_at is not None:
            asked.start_attempt(CARD, 1000, max(now, asked.retry_at))
