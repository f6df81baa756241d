"""Create a coupon."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from commands.catalog.slugs import Slug, slug_or_new
from commands.instant import Instant
from commands.unit import Unit
from domain.catalog.aggregates import Coupon
from domain.errors import NotFound, RuleViolated
from domain.money import Money
from domain.pricing.discounts import Percent


class CreateCoupon(BaseModel):
    """Either ``percent`` or an ``amount`` a period. ``periods`` 1: once; null: for ever. ``prices`` empty: of every price."""

    model_config = ConfigDict(extra="forbid")

    id: Slug | None = Field(default=None, examples=["spring"])
    name: str = Field(min_length=1, max_length=200, examples=["Spring sale"])
    percent: Percent | None = Field(default=None, examples=["20"])
    amount: Money | None = None
    periods: Annotated[int, Field(ge=1, le=1200, strict=True)] | None = None
    prices: tuple[Annotated[str, Field(max_length=64)], ...] = Field(default=(), max_length=100)
    redeem_by: Instant | None = None


def create_coupon(unit: Unit, request: CreateCoupon) -> Coupon:
    """The coupon; raises WrongState where its id is taken, RuleViolated where it takes off nothing, or both ways."""
    unit.catalog.tenant(unit.tenant)
    if (request.percent is None) == (request.amount is None):
        raise RuleViolated("percent_or_amount", "Give a percentage or an amount.", "/percent")
    if request.amount is not None and request.amount.amount == 0:
        raise RuleViolated("nothing_off", "Give an amount above 0.", "/amount/amount")
    for number, price in enumerate(request.prices):
        if unit.catalog.latest_price(unit.tenant, price) is None:
            raise NotFound("price", price, f"/prices/{number}")
    coupon = Coupon.create(
        unit.tenant,
        slug_or_new(unit, request.id, "cpn"),
        name=request.name,
        percent=request.percent,
        amount=request.amount,
        periods=request.periods,
        prices=request.prices,
        redeem_by=request.redeem_by,
        now=unit.now,
    )
    unit.add(coupon)
    return coupon
