"""Publish a price, or the next version of one."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from commands.catalog.slugs import Slug, slug_or_new
from commands.unit import Unit
from domain.catalog.aggregates import Price
from domain.catalog.terms import Interval, Terms
from domain.errors import RuleViolated, WrongState
from domain.money import Money


class PriceVersion(BaseModel):
    """``trial_days`` 0: no trial; ``term_periods`` null: runs until cancelled, else so many periods after the trial."""

    model_config = ConfigDict(extra="forbid")

    amount: Money = Field(examples=[{"amount": 999, "currency": "EUR"}])
    interval: Interval = Field(examples=[{"unit": "month", "count": 1}])
    trial_days: Annotated[int, Field(ge=0, le=3650, strict=True)] = 0
    term_periods: Annotated[int, Field(ge=1, le=1200, strict=True)] | None = None


class PublishPrice(PriceVersion):
    """A new price of a bundle."""

    id: Slug | None = Field(default=None, examples=["gold-monthly-eur"])
    bundle: str = Field(max_length=63, examples=["gold"])


def publish_price(unit: Unit, request: PublishPrice) -> Price:
    """Version 1; raises WrongState where the id is taken."""
    id = slug_or_new(unit, request.id, "pri")
    if unit.catalog.latest_price(unit.tenant, id) is not None:
        raise WrongState("price_exists", f"There is a price {id!r} already.")
    return _publish(unit, id, 1, request.bundle, request)


def publish_version(unit: Unit, id: str, request: PriceVersion) -> Price:
    """The next version: new sales take it, what was sold keeps its own."""
    last = unit.catalog.price(unit.tenant, id, "").terms
    if request.amount.currency != last.amount.currency:
        raise RuleViolated("other_currency", f"Price {id!r} is in {last.amount.currency}.", "/amount/currency")
    return _publish(unit, id, last.price_version + 1, last.bundle, request)


def _publish(unit: Unit, id: str, version: int, bundle_id: str, request: PriceVersion) -> Price:
    bundle = unit.catalog.bundle(unit.tenant, bundle_id)
    terms = Terms(
        bundle=bundle.bundle,
        bundle_name=bundle.name,
        price=id,
        price_version=version,
        amount=request.amount,
        interval=request.interval,
        trial_days=request.trial_days,
        term_periods=request.term_periods,
    )
    price = Price.publish(unit.tenant, bundle.storefront, terms, unit.now)
    unit.add(price)
    return price
