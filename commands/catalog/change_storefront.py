"""Change a storefront; what was sold or asked for before keeps its own terms."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from commands.unit import Unit
from domain.catalog.aggregates import Storefront, stream
from domain.catalog.events import RetrySchedule
from domain.catalog.policy import BillingPolicy, DunningPolicy
from domain.errors import RuleViolated
from domain.pricing.calendar import check_timezone


class ChangeStorefront(BaseModel):
    """What is left out stays; a policy that is given replaces the whole of it."""

    model_config = ConfigDict(extra="forbid")

    name: str | None = Field(default=None, min_length=1, max_length=200)
    timezone: str | None = Field(default=None, max_length=64)
    retry_after_s: RetrySchedule | None = Field(default=None, max_length=20)
    billing: BillingPolicy | None = None
    dunning: DunningPolicy | None = None


def change_storefront(unit: Unit, id: str, request: ChangeStorefront) -> Storefront:
    """The changed storefront; raises RuleViolated where nothing is given to change."""
    if not request.model_fields_set:
        raise RuleViolated("nothing_to_change", "Give name, timezone, retry_after_s, billing or dunning.")
    storefront = unit.get(Storefront, stream(unit.tenant, "storefront", id))
    storefront.change(
        name=request.name or storefront.name,
        timezone=check_timezone(request.timezone) if request.timezone else storefront.timezone,
        payment_provider=storefront.payment_provider,
        retry_after_s=storefront.retry_after_s if request.retry_after_s is None else request.retry_after_s,
        billing=request.billing or storefront.billing,
        dunning=request.dunning or storefront.dunning,
        now=unit.now,
    )
    return storefront
