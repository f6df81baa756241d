"""Record what was used of what is metered."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from commands.billing import bill_change
from commands.instant import Instant
from commands.quantity import GivenUse
from commands.unit import Unit
from domain.catalog.aggregates import Meter
from domain.errors import RuleViolated, WrongState
from domain.money import MAX_AMOUNT
from domain.pricing.models import exact
from domain.subscription.aggregate import Subscription
from domain.usage.aggregate import Usage, month_of, usage_id
from domain.usage.events import VOLUME_MAX

# A device's clock may be ahead of ours.
AHEAD_MAX = timedelta(minutes=5)
# The usage of one month never comes to more than this, so that no period's does to more than an amount may be.
_MONTH_MAX = MAX_AMOUNT // 1000


class RecordUsage(BaseModel):
    """``quantity`` of ``meter`` at ``at`` (null: now); for a meter of unique values a ``value``, for one that counts neither.
    Below 0 it corrects a sum. ``source`` and ``id`` name the record: the same one counts once.
    """

    model_config = ConfigDict(extra="forbid")

    subscription: str = Field(max_length=64, examples=["sub_0123456789abcdef0123456789ab"])
    meter: str = Field(max_length=63, examples=["api-calls"])
    quantity: GivenUse | None = Field(default=None, examples=["12"])
    value: Annotated[str, Field(min_length=1, max_length=200)] | None = Field(default=None, description="No personal data.")
    at: Instant | None = None
    source: str = Field(min_length=1, max_length=100, examples=["gateway-7"])
    id: str = Field(min_length=1, max_length=200, examples=["2026-01-12/4711"])


def record_usage(unit: Unit, request: RecordUsage) -> Usage:
    """The month's records with one more. What was billed without it is put right by the next invoice of the subscription."""
    subscription = unit.get(Subscription, request.subscription, "/subscription")
    meter = unit.catalog.meter(unit.tenant, request.meter, "/meter")
    at = request.at or unit.now
    _check_quantity(meter, request)
    _check_instant(unit, subscription, at)
    usage = _usage(unit, subscription, meter, at)
    usage.record(at, request.quantity, request.value, source=request.source, record=request.id, now=unit.now)
    _check_amount(subscription, usage)
    billed = subscription.ended or (subscription.billed_until is not None and at < subscription.billed_until)
    if billed and subscription.metered(meter.meter):
        subscription.use_late(meter.meter, at, unit.now)
        if subscription.ended:
            bill_change(unit, subscription, unit.now)
    return usage


def _usage(unit: Unit, subscription: Subscription, meter: Meter, at: datetime) -> Usage:
    id = usage_id(unit.secret, subscription.id, meter.meter, month_of(at))
    usage = unit.find(Usage, id)
    if usage is None:
        usage = Usage.open(
            id,
            tenant=unit.tenant,
            customer=subscription.customer,
            storefront=subscription.storefront,
            subscription=subscription.id,
            meter=meter.meter,
            aggregation=meter.aggregation,
            month=month_of(at),
            now=unit.now,
        )
        unit.add(usage)
    return usage


def _check_quantity(meter: Meter, request: RecordUsage) -> None:
    """Raises RuleViolated where there is something else than what the meter needs."""
    needs_value, needs_quantity = meter.aggregation == "unique", meter.aggregation in ("sum", "max", "last")
    for pointer, given, needed in (
        ("/value", request.value is not None, needs_value),
        ("/quantity", request.quantity is not None, needs_quantity),
    ):
        if given != needed:
            verb = "needs" if needed else "takes no"
            problem = f"Meter {meter.meter!r} ({meter.aggregation}) {verb} {pointer[1:]}."
            raise RuleViolated(f"{pointer[1:]}_{'missing' if needed else 'not_metered'}", problem, pointer)
    if request.quantity is not None and request.quantity < 0 and meter.aggregation != "sum":
        raise RuleViolated("negative_quantity", f"Meter {meter.meter!r} is no sum that could be corrected.", "/quantity")


def _check_instant(unit: Unit, subscription: Subscription, at: datetime) -> None:
    if at > unit.now + AHEAD_MAX:
        raise RuleViolated("date_in_future", "Usage is recorded once it was.", "/at")
    if subscription.transfer is not None and subscription.transferring and at >= subscription.transfer.at:
        raise WrongState("transfer_pending", "It is about to be another customer's.")
    ended_at = subscription.ended_at
    if at < subscription.started_at or (ended_at is not None and at >= ended_at):
        until = "" if ended_at is None else f" until {ended_at.isoformat()}"
        problem = f"It was sold from {subscription.started_at.isoformat()}{until}."
        raise RuleViolated("date_outside_term", problem, "/at")


def _check_amount(subscription: Subscription, usage: Usage) -> None:
    """Raises RuleViolated where a month's usage comes to more than can be billed."""
    for charge in subscription.metered(usage.meter):
        if usage.volume > VOLUME_MAX or exact(list(charge.pricing.steps(usage.volume))) > _MONTH_MAX:
            raise RuleViolated("amount_too_large", "So much of it comes to more than can be billed.", "/quantity")
