"""What a subscription decides, example by example."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from domain.catalog.policy import DunningPolicy
from domain.errors import WrongState
from domain.money import Money
from domain.subscription.aggregate import Subscription
from domain.subscription.sale import Billing, Item
from domain.subscription.values import Period, Posted
from tests.unit.domain.make import CUSTOMER, INVOICE, JAN_1, PREMIUM, at, subscription, terms
from tests.unit.domain.scenario import said, taken, when


def billed(sold: Subscription, until: datetime, *, inclusive: bool = True) -> list[str]:
    """Bill what is due; the date of each period's begin."""
    found = []
    for due in sold.dues(until, inclusive=inclusive):
        corrections = sold.unbilled(due)
        sold.bill(due, corrections, f"{INVOICE}{len(sold.posted)}", until)
        found += [each.posting.start.date().isoformat() for each in corrections]
    return found


def suspended(sold: Subscription, now: datetime) -> Subscription:
    """Suspended at an instant, after grace."""
    sold.enter_grace(INVOICE, now)
    sold.suspend(INVOICE, DunningPolicy(), now)
    return sold


class TestStart:
    def test_without_a_trial_it_is_active_at_once(self) -> None:
        [started] = taken(subscription())
        assert said(started) == (
            "subscription.started.v2",
            {
                "tenant": "acme",
                "customer": CUSTOMER,
                "storefront": "web",
                "state": "active",
                "items": (Item(terms=terms(), grants=(PREMIUM,)),),
                "grants": (PREMIUM,),
                "billing": Billing(),
                "timezone": "UTC",
                "started_at": JAN_1,
                "trial_ends_at": None,
                "anchor": JAN_1,
                "term_ends_at": None,
                "access": True,
                "access_until": None,
                "discounts": (),
                "former": None,
            },
        )

    def test_a_trial_ends_after_its_days_and_is_the_anchor(self) -> None:
        sold = subscription(trial_days=14)
        assert (sold.state, sold.trial_ends_at, sold.sale.anchor) == ("trial", at("2026-01-15"), at("2026-01-15"))

    def test_trial_days_are_local_days(self) -> None:
        sold = subscription(started_at=at("2026-03-28T12:00"), timezone="Europe/Berlin", trial_days=2)
        assert sold.trial_ends_at == at("2026-03-30T11:00")  # one hour was skipped

    def test_a_fixed_term_counts_periods_after_the_trial(self) -> None:
        sold = subscription(trial_days=14, term_periods=3)
        assert (sold.term_ends_at, sold.access_until) == (at("2026-04-15"), at("2026-04-15"))


class TestBilling:
    def test_a_period_is_billed_in_advance_at_its_begin(self) -> None:
        assert when(subscription(), lambda s: billed(s, JAN_1)) == [
            (
                "subscription.billed.v1",
                {
                    "until": JAN_1,
                    "invoice": f"{INVOICE}0",
                    "postings": (
                        Posted(
                            item="base",
                            charge="fee",
                            whole_start=JAN_1,
                            whole_end=at("2026-02-01"),
                            agreement="gold-monthly@1",
                            start=JAN_1,
                            end=at("2026-02-01"),
                            amount=1000,
                        ),
                    ),
                    "period": Period(start=JAN_1, end=at("2026-02-01")),
                },
            )
        ]

    def test_all_periods_begun_are_billed_in_order(self) -> None:
        sold = subscription(started_at=at("2026-01-31"))
        assert billed(sold, at("2026-04-30")) == ["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30"]

    def test_a_period_that_begins_at_the_instant_itself_waits_where_it_is_exclusive(self) -> None:
        assert billed(subscription(), at("2026-02-01"), inclusive=False) == ["2026-01-01"]

    def test_nothing_is_billed_twice(self) -> None:
        sold = subscription()
        assert billed(sold, at("2026-02-01"))
        assert billed(sold, at("2026-02-28")) == []

    def test_nothing_is_billed_during_a_trial(self) -> None:
        sold = subscription(trial_days=14)
        assert billed(sold, at("2026-06-01")) == []
        sold.activate(at("2026-01-15"))
        assert billed(sold, at("2026-01-15")) == ["2026-01-15"]

    def test_billing_goes_on_in_grace(self) -> None:
        sold = subscription()
        billed(sold, JAN_1)
        sold.enter_grace(f"{INVOICE}0", JAN_1)
        assert billed(sold, at("2026-02-01")) == ["2026-02-01"]

    def test_periods_begun_while_suspended_are_never_billed(self) -> None:
        sold = subscription()
        billed(sold, JAN_1)
        suspended(sold, at("2026-01-20"))
        assert billed(sold, at("2026-03-10")) == []
        sold.reinstate(at("2026-03-10"))
        assert billed(sold, at("2026-04-01")) == ["2026-04-01"]

    def test_reinstated_at_an_anchor_date_that_very_period_is_billed(self) -> None:
        sold = subscription()
        billed(sold, JAN_1)
        suspended(sold, at("2026-01-20"))
        sold.reinstate(at("2026-03-01"))
        assert billed(sold, at("2026-03-01")) == ["2026-03-01"]

    def test_nothing_is_billed_from_the_end_on(self) -> None:
        sold = subscription(term_periods=2)
        assert billed(sold, at("2026-12-01")) == ["2026-01-01", "2026-02-01"]

    def test_nothing_is_billed_from_a_scheduled_cancellation_on(self) -> None:
        sold = subscription()
        billed(sold, JAN_1)
        sold.cancel_at_period_end(at("2026-01-20"))
        assert billed(sold, at("2026-12-01")) == []

    def test_an_empty_period_is_not_billed(self) -> None:
        """Samoa had no 30 December 2011: whoever pays by the day pays nothing for it."""
        interval = {"unit": "day", "count": 1}
        sold = subscription(started_at=at("2011-12-28T20:00"), timezone="Pacific/Apia", interval=interval, term_periods=5)
        assert billed(sold, at("2012-01-31")) == ["2011-12-28", "2011-12-29", "2011-12-30", "2011-12-31"]  # in UTC


class TestGraceAndSuspension:
    def test_a_failed_renewal_keeps_access(self) -> None:
        sold = subscription()
        billed(sold, at("2026-02-01"))
        [(name, fields)] = when(sold, lambda s: s.enter_grace(f"{INVOICE}1", at("2026-02-01")))
        assert (name, fields) == ("subscription.grace_entered.v1", {"invoice": f"{INVOICE}1", "access": True})

    def test_the_first_charges_failure_takes_access(self) -> None:
        sold = subscription()
        billed(sold, JAN_1)
        assert sold.grants_access(JAN_1)  # until the outcome is known
        [(name, fields)] = when(sold, lambda s: s.enter_grace(f"{INVOICE}0", JAN_1))
        assert (name, fields) == ("subscription.grace_entered.v1", {"invoice": f"{INVOICE}0", "access": False})
        assert not sold.grants_access(JAN_1)

    def test_an_invoice_of_nothing_is_no_first_charge(self) -> None:
        sold = subscription(amount=Money(amount=0, currency="EUR"))
        billed(sold, JAN_1)
        assert sold.first_charge is None

    def test_suspension_withdraws_access(self) -> None:
        sold = subscription()
        billed(sold, JAN_1)
        now = at("2026-01-20")
        sold.enter_grace(INVOICE, now)
        assert sold.grants_access(now)
        assert when(sold, lambda s: s.suspend(INVOICE, DunningPolicy(give_up_after_days=30), now)) == [
            (
                "subscription.suspended.v2",
                {
                    "invoice": INVOICE,
                    "suspended_at": now,
                    "access": False,
                    "gives_up_at": now + timedelta(days=30),
                    "gives_up_by": "cancel",
                },
            )
        ]
        assert not sold.grants_access(now)

    def test_reinstated_from_grace_nothing_is_skipped(self) -> None:
        sold = subscription()
        billed(sold, JAN_1)
        sold.enter_grace(f"{INVOICE}0", JAN_1)
        now = at("2026-01-05")
        assert when(sold, lambda s: s.reinstate(now)) == [("subscription.reinstated.v2", {"reinstated_at": now, "access": True})]
        assert sold.grants_access(now)


class TestEnd:
    def test_cancelled_now_access_ends_now(self) -> None:
        now = at("2026-01-20T09:30")
        assert when(subscription(), lambda s: s.cancel(now, now)) == [
            ("subscription.cancelled.v2", {"cancelled_at": now, "access": False, "access_until": now, "credit": False})
        ]

    def test_cancelled_at_period_end_access_holds_until_then(self) -> None:
        sold, end = subscription(), at("2026-02-01")
        assert when(sold, lambda s: s.cancel_at_period_end(at("2026-01-20"))) == [
            ("subscription.cancellation_scheduled.v2", {"cancel_at": end, "access_until": end, "credit": False})
        ]
        assert sold.grants_access(at("2026-01-31T23:59"))
        assert not sold.grants_access(end)
        sold.cancel(end, end)
        assert (sold.state, sold.ended_at, sold.access_until) == ("cancelled", end, end)

    def test_asked_at_a_periods_very_begin_it_ends_with_that_period(self) -> None:
        sold = subscription()
        sold.cancel_at_period_end(at("2026-02-01"))
        assert sold.cancel_at == at("2026-03-01")

    def test_in_trial_it_ends_with_the_trial(self) -> None:
        sold = subscription(trial_days=14)
        sold.cancel_at_period_end(at("2026-01-02"))
        assert sold.cancel_at == at("2026-01-15")

    def test_an_end_that_is_scheduled_is_not_scheduled_again(self) -> None:
        sold = subscription()
        sold.cancel_at_period_end(at("2026-01-20"))
        with pytest.raises(WrongState) as refused:
            sold.cancel_at_period_end(at("2026-01-21"))
        assert refused.value.code == "end_already_scheduled"

    def test_nor_where_the_term_ends_then_anyway(self) -> None:
        with pytest.raises(WrongState):
            subscription(term_periods=1).cancel_at_period_end(at("2026-01-20"))

    def test_a_cancellation_after_the_term_never_prolongs_access(self) -> None:
        sold = subscription(term_periods=1)
        now = at("2026-02-03")
        sold.cancel(now, now)
        assert sold.access_until == at("2026-02-01")

    def test_a_fixed_term_expires_at_its_end(self) -> None:
        sold, end = subscription(term_periods=2), at("2026-03-01")
        assert when(sold, lambda s: s.expire(end)) == [
            ("subscription.expired.v1", {"expired_at": end, "access": False, "access_until": end})
        ]

    def test_the_end_that_comes_first_is_known(self) -> None:
        sold = subscription(term_periods=6)
        assert sold.ends_at == at("2026-07-01")
        sold.cancel_at_period_end(at("2026-01-20"))
        assert sold.ends_at == at("2026-02-01")


class TestTimers:
    def test_in_trial_only_its_end_is_due(self) -> None:
        assert subscription(trial_days=14, term_periods=1).timers() == (("trial_end", at("2026-01-15")),)

    def test_active_the_next_bill_is_due(self) -> None:
        sold = subscription()
        billed(sold, JAN_1)
        assert sold.timers() == (("bill", at("2026-02-01")),)

    def test_a_bill_that_was_missed_is_due_at_its_own_time(self) -> None:
        assert subscription().timers() == (("bill", JAN_1),)

    def test_the_term_and_a_scheduled_end_are_due(self) -> None:
        sold = subscription(term_periods=3)
        billed(sold, JAN_1)
        sold.cancel_at_period_end(at("2026-01-20"))
        assert sold.timers() == (("cancel", at("2026-02-01")), ("expire", at("2026-04-01")))

    def test_suspended_no_bill_is_due_but_its_end_is(self) -> None:
        sold = suspended(subscription(term_periods=3), JAN_1)
        assert sold.timers() == (("expire", at("2026-04-01")),)

    def test_ended_nothing_is_due(self) -> None:
        sold = subscription(term_periods=3)
        sold.cancel(JAN_1, JAN_1)
        assert sold.timers() == ()


def test_access_begins_with_the_start() -> None:
    sold = subscription(started_at=JAN_1)
    assert not sold.grants_access(at("2025-12-31T23:59"))
    assert sold.grants_access(JAN_1)


def test_activated_says_when_the_trial_ended() -> None:
    late = at("2026-01-16")
    assert when(subscription(trial_days=14), lambda s: s.activate(late)) == [
        ("subscription.activated.v1", {"activated_at": at("2026-01-15")})
    ]
