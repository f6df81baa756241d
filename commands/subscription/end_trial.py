"""Timer: a trial is over."""

from __future__ import annotations

from commands.collecting import activate
from commands.unit import Unit
from domain.subscription.aggregate import Subscription


def end_trial(unit: Unit, id: str) -> Subscription:
    """Activate; the bill falls due at the same instant, after this."""
    subscription = unit.get(Subscription, id)
    activate(unit, subscription)
    return subscription
