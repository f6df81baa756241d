"""Take something off what a subscription sells, by a coupon; and no longer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from commands.billing import bill_change
from commands.unit import Unit
from domain.errors import NotFound, RuleViolated
from domain.pricing.discounts import Discount
from domain.subscription.aggregate import Subscription
from domain.subscription.sale import Item

# That a subscription ever has: what each leaves is an exact fraction, longer than what was left before.
COUPONS_MAX = 100


class ApplyCoupon(BaseModel):
    """``item``: only off this one, the ``base`` or an add-on; null: a percentage off all items, an amount off the base."""

    model_config = ConfigDict(extra="forbid")

    coupon: str = Field(max_length=64, examples=["spring"])
    item: str | None = Field(default=None, max_length=64, examples=["base"])


class RemoveCoupon(BaseModel):
    model_config = ConfigDict(extra="forbid")

    coupon: str = Field(max_length=64, examples=["spring"])


def apply_coupon(unit: Unit, id: str, request: ApplyCoupon) -> Subscription:
    """The subscription, whose periods that begin from now on cost less; raises RuleViolated for a coupon that it had before,
    and for one too many.
    """
    subscription = unit.get(Subscription, id)
    if request.coupon in subscription.discounts:
        raise RuleViolated("coupon_used", f"It has, or had, coupon {request.coupon!r} already.", "/coupon")
    if len(subscription.discounts) >= COUPONS_MAX:
        raise RuleViolated("too_many_coupons", f"It had {COUPONS_MAX} coupons already.", "/coupon")
    items = [each for each in subscription.sale.agreements[-1].items if request.item in (None, each.id)]
    if request.item is not None and not items:
        raise NotFound("item", request.item, "/item")
    discount = discount_of(unit, request.coupon, request.item, items, unit.now, "/coupon")
    subscription.discount(discount, unit.now)
    # A period that begins this very instant costs less as well.
    bill_change(unit, subscription, unit.now)
    return subscription


def remove_coupon(unit: Unit, id: str, request: RemoveCoupon) -> Subscription:
    """What was taken off stays; periods that begin later cost what they do without it."""
    subscription = unit.get(Subscription, id)
    found = subscription.discounts.get(request.coupon)
    if found is None or found.until is not None:
        raise NotFound("coupon", request.coupon, "/coupon")
    subscription.end_discount(request.coupon, unit.now)
    return subscription


def discount_of(unit: Unit, coupon: str, item: str | None, items: Sequence[Item], since: datetime, pointer: str) -> Discount:
    """What a coupon takes off items from an instant on, ``item`` or all of them; raises NotFound, or RuleViolated where it is for
    none of them, or over.
    """
    found = unit.catalog.coupon(unit.tenant, coupon, pointer)
    if found.redeem_by is not None and unit.now > found.redeem_by:
        raise RuleViolated("coupon_over", f"Coupon {coupon!r} could be used until {found.redeem_by.isoformat()}.", pointer)
    if found.prices and not any(each.terms.price in found.prices for each in items):
        raise RuleViolated("coupon_for_other_price", f"Coupon {coupon!r} is for {', '.join(found.prices)}.", pointer)
    amount = found.amount
    if amount is not None and amount.currency != items[0].terms.amount.currency:
        raise RuleViolated("other_currency", f"Coupon {coupon!r} is in {amount.currency}.", pointer)
    return Discount(
        id=coupon,
        name=found.name,
        percent=found.percent,
        amount=None if amount is None else amount.amount,
        currency=None if amount is None else amount.currency,
        item=item,
        periods=found.periods,
        since=since,
        prices=found.prices,
    )
