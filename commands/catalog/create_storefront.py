"""Create a storefront."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from commands.catalog.slugs import Slug, slug_or_new
from commands.unit import Unit
from domain.catalog.aggregates import Storefront
from domain.catalog.events import RetrySchedule
from domain.catalog.policy import BillingPolicy, DunningPolicy
from domain.errors import RuleViolated
from domain.payment.aggregate import RETRY_AFTER_S
from domain.pricing.calendar import check_timezone


class CreateStorefront(BaseModel):
    """``retry_after_s``: seconds to wait after each failed charge; when they are used up the subscription is suspended."""

    model_config = ConfigDict(extra="forbid")

    id: Slug | None = Field(default=None, examples=["web"])
    name: str = Field(min_length=1, max_length=200, examples=["Web shop"])
    timezone: str = Field(default="UTC", max_length=64, examples=["Europe/Berlin"])
    payment_provider: str = Field(default="simulator", max_length=64)
    retry_after_s: RetrySchedule = Field(default=RETRY_AFTER_S, max_length=20)
    billing: BillingPolicy = BillingPolicy()
    dunning: DunningPolicy = DunningPolicy()


def create_storefront(unit: Unit, request: CreateStorefront) -> Storefront:
    """The storefront; raises WrongState where its id is taken."""
    unit.catalog.tenant(unit.tenant)
    if request.payment_provider not in unit.catalog.providers:
        known = ", ".join(sorted(unit.catalog.providers)) or "none"
        raise RuleViolated("unknown_provider", f"The providers connected here: {known}.", "/payment_provider")
    storefront = Storefront.create(
        unit.tenant,
        slug_or_new(unit, request.id, "sf"),
        name=request.name,
        timezone=check_timezone(request.timezone),
        payment_provider=request.payment_provider,
        retry_after_s=request.retry_after_s,
        billing=request.billing,
        dunning=request.dunning,
        now=unit.now,
    )
    unit.add(storefront)
    return storefront
