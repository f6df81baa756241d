"""Timer: a period has begun."""

from __future__ import annotations

from commands.billing import bill_and_charge
from commands.unit import Unit
from domain.subscription.aggregate import Subscription


def bill(unit: Unit, id: str) -> Subscription:
    """Bill every period begun by now and ask for the money."""
    subscription = unit.get(Subscription, id)
    bill_and_charge(unit, subscription)
    return subscription
