"""Timers: the end that was set for a subscription has come."""

from __future__ import annotations

from commands.unit import Unit
from domain.subscription.aggregate import Subscription


def cancel_as_scheduled(unit: Unit, id: str) -> Subscription:
    """Cancel as of the instant that was set, however late this fires."""
    subscription = unit.get(Subscription, id)
    assert subscription.cancel_at is not None
    subscription.cancel(subscription.cancel_at, unit.now)
    return subscription


def expire(unit: Unit, id: str) -> Subscription:
    """The fixed term is over."""
    subscription = unit.get(Subscription, id)
    subscription.expire(unit.now)
    return subscription
