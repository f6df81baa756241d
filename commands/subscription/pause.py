"""Pause a subscription, and let it go on."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from commands.billing import bill_change
from commands.instant import Instant
from commands.unit import Unit
from domain.errors import RuleViolated
from domain.subscription.aggregate import Subscription
from domain.subscription.values import Pause


class PauseSubscription(BaseModel):
    """Until ``resumes_at``, or until it is resumed. ``billing`` that is ``stopped`` gives back the rest of the period."""

    model_config = ConfigDict(extra="forbid")

    resumes_at: Instant | None = None
    billing: Literal["stopped", "continued"] = "stopped"
    entitlements: Literal["withdrawn", "kept"] = Field(default="withdrawn", examples=["kept"])


def pause(unit: Unit, id: str, request: PauseSubscription) -> Subscription:
    """The subscription at rest; raises WrongState where it rests already."""
    subscription = unit.get(Subscription, id)
    if request.resumes_at is not None and request.resumes_at <= unit.now:
        raise RuleViolated("date_in_past", "It resumes later than now.", "/resumes_at")
    subscription.rest(
        Pause(
            paused_at=unit.now,
            resumes_at=request.resumes_at,
            billing=request.billing,
            entitlements=request.entitlements,
        ),
        unit.now,
    )
    bill_change(unit, subscription, unit.now)
    return subscription


def resume(unit: Unit, id: str) -> Subscription:
    """It goes on; raises WrongState where it is not paused."""
    subscription = unit.get(Subscription, id)
    subscription.resume(unit.now, unit.now)
    bill_change(unit, subscription, unit.now)
    return subscription


def resume_as_scheduled(unit: Unit, id: str) -> Subscription:
    """Timer: it goes on as of the instant that was set, however late this fires."""
    subscription = unit.get(Subscription, id)
    assert subscription.pause is not None
    at = subscription.pause.resumes_at
    assert at is not None
    subscription.resume(at, unit.now)
    bill_change(unit, subscription, at)
    return subscription
