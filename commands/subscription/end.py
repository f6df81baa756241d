"""Timers: the end that was set for a subscription has come."""

from __future__ import annotations

from commands.billing import bill_change
from commands.unit import Unit
from domain.subscription.aggregate import Subscription


def cancel_as_scheduled(unit: Unit, id: str) -> Subscription:
    """Cancel as of the instant that was set, however late this fires."""
    subscription = unit.get(Subscription, id)
    at, ending = subscription.cancel_at, subscription.sale.ending
    assert at is not None
    assert ending is not None
    subscription.cancel(at, unit.now, credit=ending.credit)
    bill_change(unit, subscription, at)
    return subscription


def expire(unit: Unit, id: str) -> Subscription:
    """The fixed term is over."""
    subscription = unit.get(Subscription, id)
    assert subscription.term_ends_at is not None
    subscription.expire(unit.now)
    bill_change(unit, subscription, subscription.term_ends_at)
    return subscription
