"""Cancel a subscription: now, at the end of its period, or at an instant; and think better of it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from commands.billing import bill_change
from commands.instant import Instant
from commands.unit import Unit
from domain.errors import RuleViolated
from domain.subscription.aggregate import Subscription


class CancelSubscription(BaseModel):
    """``now`` ends access at once; ``period_end`` with the trial or with the period that runs. An instant in the past needs the
    permission to backdate. With ``credit`` what was paid for later goes to the account; else nothing is given back, and the
    period that runs is owed in full.
    """

    model_config = ConfigDict(extra="forbid")

    at: Literal["now", "period_end"] | Instant = Field(examples=["period_end"])
    credit: bool = False


def cancel(unit: Unit, id: str, request: CancelSubscription) -> Subscription:
    """The subscription, cancelled or about to be; raises WrongState where it has ended or its end is set."""
    subscription = unit.get(Subscription, id)
    if request.at == "period_end":
        subscription.cancel_at_period_end(unit.now, credit=request.credit)
        return subscription
    at = unit.now if request.at == "now" else request.at
    if at > unit.now:
        if subscription.term_ends_at is not None and at > subscription.term_ends_at:
            raise RuleViolated("date_after_end", f"Its term ends at {subscription.term_ends_at.isoformat()}.", "/at")
        subscription.schedule_cancellation(at, unit.now, credit=request.credit)
        return subscription
    if at < unit.now and not unit.may_backdate:
        raise RuleViolated("backdating_not_permitted", "This key may not give dates in the past.", "/at")
    if at < (last := subscription.sale.agreements[-1].start):
        raise RuleViolated("date_before_last_change", f"It was started or changed as of {last.isoformat()}.", "/at")
    subscription.cancel(at, unit.now, credit=request.credit)
    bill_change(unit, subscription, unit.now)
    return subscription


def uncancel(unit: Unit, id: str) -> Subscription:
    """It goes on; raises WrongState where no cancellation is scheduled."""
    subscription = unit.get(Subscription, id)
    subscription.withdraw_cancellation(unit.now)
    bill_change(unit, subscription, unit.now)
    return subscription
