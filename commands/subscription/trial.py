"""Move a trial's end: extend the trial, or convert it at once."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from commands.billing import bill_change
from commands.collecting import activate
from commands.instant import Instant
from commands.unit import Unit
from domain.errors import RuleViolated
from domain.subscription.aggregate import Subscription


class SetTrialEnd(BaseModel):
    """``trial_ends_at`` null: now, the trial is converted."""

    model_config = ConfigDict(extra="forbid")

    trial_ends_at: Instant | None = None


def set_trial_end(unit: Unit, id: str, request: SetTrialEnd) -> Subscription:
    """The subscription, whose periods are counted from there; raises WrongState where it is not in trial."""
    subscription = unit.get(Subscription, id)
    at = request.trial_ends_at or unit.now
    if at < unit.now:
        raise RuleViolated("date_in_past", "A trial ends now or later.", "/trial_ends_at")
    if subscription.cancel_at is not None and at > subscription.cancel_at:
        raise RuleViolated("date_after_end", f"It ends at {subscription.cancel_at.isoformat()}.", "/trial_ends_at")
    subscription.set_trial_end(at, unit.now)
    if at == unit.now:
        activate(unit, subscription)
        bill_change(unit, subscription, unit.now)
    return subscription
