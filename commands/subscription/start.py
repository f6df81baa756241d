"""Start a subscription: copy the terms, bill what has begun."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field

from commands.billing import bill_and_charge, invoiced, owed_by
from commands.catalog.slugs import Slug
from commands.collecting import record_payment
from commands.instant import Instant
from commands.quantity import GivenQuantity
from commands.subscription.discounts import discount_of
from commands.subscription.sold import AddOn, check_currency, item_of, items_of
from commands.unit import Unit
from domain import ids
from domain.catalog.aggregates import Price
from domain.customer.aggregate import Customer
from domain.errors import RuleViolated
from domain.money import Currency, Money
from domain.pricing.calendar import BillingDay
from domain.pricing.discounts import Discount
from domain.subscription.aggregate import Subscription
from domain.subscription.sale import Billing, Item

# A hundred years of months, three of days. All history is one append, which must fit one window.
PERIODS_MAX = 1200


class StartSubscription(BaseModel):
    """Either ``price``, or ``bundle`` and ``currency`` where that names one price, the ``channel``'s own one where it has any.
    ``billing_day`` null: the account's, or else the day on which it begins.

    ``start_at`` in the past, and ``history_until``, need the permission to backdate. With ``history_until`` every period that
    begins before it is billed and settled as paid elsewhere at its begin, never charged: for subscribers who come from another
    system.
    """

    model_config = ConfigDict(extra="forbid")

    customer: str = Field(max_length=64)
    price: str | None = Field(default=None, max_length=64, examples=["gold-monthly-eur"])
    bundle: str | None = Field(default=None, max_length=64, examples=["gold"])
    currency: Currency | None = Field(default=None, examples=["EUR"])
    channel: Slug | None = Field(default=None, examples=["app-store"])
    quantity: GivenQuantity = Field(default=Decimal(1), examples=["1"])
    add_ons: tuple[AddOn, ...] = Field(default=(), max_length=20)
    billing_day: BillingDay | None = None
    coupons: tuple[str, ...] = Field(default=(), max_length=10, examples=[["spring"]])
    start_at: Instant | None = None
    history_until: Instant | None = None


def start(unit: Unit, request: StartSubscription) -> Subscription:
    """The subscription, in trial or active; its first charge follows."""
    customer = unit.get(Customer, unit.customer_id, "/customer")
    _check_dates(unit, request)
    started_at = request.start_at or unit.now
    price = _price(unit, request, started_at)
    named = "/bundle" if request.price is None else "/price"
    base = item_of(unit, customer.storefront, price.price, request.quantity, started_at, named)
    items = (base, *items_of(unit, customer.storefront, request.add_ons, started_at))
    check_currency(items)
    policy = unit.catalog.storefront(unit.tenant, customer.storefront).billing
    subscription = Subscription.start(
        unit.new_id(ids.SUBSCRIPTION),
        tenant=unit.tenant,
        customer=customer.id,
        storefront=customer.storefront,
        items=items,
        billing=Billing(
            proration=policy.proration,
            billing_day=request.billing_day or customer.billing_day,
            aligned=customer.together,
            yearly=policy.yearly,
            suspended=policy.suspended,
        ),
        timezone=customer.timezone,
        started_at=started_at,
        discounts=_discounts(unit, request, items, started_at),
        now=unit.now,
    )
    unit.add(subscription)
    if subscription.trial_ends_at is not None and subscription.trial_ends_at <= unit.now:
        subscription.activate(unit.now)
    _check_length(unit, subscription)
    if request.history_until is None:
        bill_and_charge(unit, subscription)
        return subscription
    for due in subscription.dues(request.history_until, inclusive=False):
        for invoice in invoiced(unit, owed_by(unit, [subscription], due), due, due):
            if invoice.state == "open":
                record_payment(unit, invoice, Money(amount=invoice.open, currency=invoice.currency), due, None)
    return subscription


def _discounts(unit: Unit, request: StartSubscription, items: Sequence[Item], started_at: datetime) -> tuple[Discount, ...]:
    found = list[Discount]()
    for number, coupon in enumerate(request.coupons):
        pointer = f"/coupons/{number}"
        if coupon in request.coupons[:number]:
            raise RuleViolated("coupon_used", f"Coupon {coupon!r} is there already.", pointer)
        found.append(discount_of(unit, coupon, None, items, started_at, pointer))
    return tuple(found)


def _price(unit: Unit, request: StartSubscription, at: datetime) -> Price:
    if request.price is not None:
        price = unit.catalog.price(unit.tenant, request.price, at)
        if request.bundle not in (None, price.terms.bundle):
            raise RuleViolated(
                "price_of_another_bundle", f"Price {request.price!r} is not of bundle {request.bundle!r}.", "/price"
            )
        if request.currency not in (None, price.terms.amount.currency):
            raise RuleViolated("no_price", f"Price {request.price!r} is not in {request.currency}.", "/currency")
        if request.channel is not None and price.terms.channel not in (None, request.channel):
            raise RuleViolated("price_of_another_channel", f"Price {request.price!r} is {price.terms.channel!r}'s.", "/price")
        return price
    if request.bundle is None or request.currency is None:
        raise RuleViolated("price_missing", "Give a price, or a bundle and a currency.", "/price")
    unit.catalog.bundle(unit.tenant, request.bundle)
    return unit.catalog.price_for(unit.tenant, request.bundle, request.currency, request.channel, at)


def _check_length(unit: Unit, subscription: Subscription) -> None:
    """Refuse a start so long ago that what is to be billed would not be one command's work."""
    if subscription.sale.anchor >= unit.now:
        return
    if subscription.calendar.index_at(unit.now) >= PERIODS_MAX:
        raise RuleViolated("too_many_periods", f"More than {PERIODS_MAX} periods would have begun by now.", "/start_at")


def _check_dates(unit: Unit, request: StartSubscription) -> None:
    if request.start_at is not None and request.start_at > unit.now:
        raise RuleViolated("date_in_future", "A subscription starts now or in the past.", "/start_at")
    if not unit.may_backdate:
        for given, pointer in ((request.start_at, "/start_at"), (request.history_until, "/history_until")):
            if given is not None and given < unit.now:
                raise RuleViolated("backdating_not_permitted", "This key may not give dates in the past.", pointer)
    if request.history_until is not None and request.history_until > unit.now:
        raise RuleViolated("date_in_future", "History ends now or in the past.", "/history_until")
