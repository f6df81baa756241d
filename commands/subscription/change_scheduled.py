"""A change that was scheduled: its time has come, or it is withdrawn."""

from __future__ import annotations

from commands.billing import bill_change
from commands.subscription.change import change_now, counted
from commands.unit import Unit
from domain.subscription.aggregate import Subscription


def change_as_scheduled(unit: Unit, id: str) -> Subscription:
    """Timer: change as of the instant that was set, however late this fires."""
    subscription = unit.get(Subscription, id)
    scheduled = subscription.scheduled
    assert scheduled is not None
    at = scheduled.effective_at
    # Something else may be sold by now than when it was scheduled: what has the same interval goes on.
    items = tuple(counted(subscription, item, at, item.billing_day) for item in scheduled.items)
    change_now(unit, subscription, items, at)
    bill_change(unit, subscription, at)
    return subscription


def withdraw_change(unit: Unit, id: str) -> Subscription:
    """Raises WrongState where none is scheduled."""
    subscription = unit.get(Subscription, id)
    subscription.withdraw_change(unit.now)
    return subscription
