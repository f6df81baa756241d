"""Renew a fixed term."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from commands.billing import bill_change
from commands.unit import Unit
from domain.subscription.aggregate import Subscription


class RenewSubscription(BaseModel):
    """``periods`` null: as many as the price's term has."""

    model_config = ConfigDict(extra="forbid")

    periods: Annotated[int, Field(ge=1, le=1200, strict=True)] | None = None


def renew(unit: Unit, id: str, request: RenewSubscription) -> Subscription:
    """The subscription, whose term goes on after its end; raises WrongState where it has no term."""
    subscription = unit.get(Subscription, id)
    subscription.renew(request.periods or subscription.terms.term_periods or 1, unit.now)
    bill_change(unit, subscription, unit.now)
    return subscription
