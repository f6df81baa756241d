"""Cancel a subscription, now or at the end of its period."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from commands.unit import Unit
from domain.subscription.aggregate import Subscription


class CancelSubscription(BaseModel):
    """``now`` ends access at once; ``period_end`` with the trial or with the period that runs. Nothing is credited."""

    model_config = ConfigDict(extra="forbid")

    at: Literal["now", "period_end"] = Field(examples=["period_end"])


def cancel(unit: Unit, id: str, request: CancelSubscription) -> Subscription:
    """The subscription, cancelled or about to be; raises WrongState where it has ended or its end is set."""
    subscription = unit.get(Subscription, id)
    if request.at == "now":
        subscription.cancel(unit.now, unit.now)
    else:
        subscription.cancel_at_period_end(unit.now)
    return subscription
