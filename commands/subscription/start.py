"""Start a subscription: copy the terms, bill what has begun."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from commands.billing import bill_and_charge, issue_invoice, record_payment
from commands.instant import Instant
from commands.unit import Unit
from domain import ids
from domain.catalog.aggregates import Price
from domain.customer.aggregate import Customer
from domain.errors import RuleViolated
from domain.money import Currency, Money
from domain.subscription import periods
from domain.subscription.aggregate import Subscription

# A hundred years of months, three of days. All history is one append, which must fit one window.
PERIODS_MAX = 1200


class StartSubscription(BaseModel):
    """Either ``price``, or ``bundle`` and ``currency`` where that names one price.

    ``start_at`` in the past, and ``history_until``, need the permission to backdate. With ``history_until`` every period that
    begins before it is billed and settled as paid elsewhere at its begin, never charged: for subscribers who come from another
    system.
    """

    model_config = ConfigDict(extra="forbid")

    customer: str = Field(max_length=64)
    price: str | None = Field(default=None, max_length=64, examples=["gold-monthly-eur"])
    bundle: str | None = Field(default=None, max_length=64, examples=["gold"])
    currency: Currency | None = Field(default=None, examples=["EUR"])
    start_at: Instant | None = None
    history_until: Instant | None = None


def start(unit: Unit, request: StartSubscription) -> Subscription:
    """The subscription, in trial or active; its first charge follows."""
    customer = unit.get(Customer, unit.customer_id, "/customer")
    price = _price(unit, request)
    bundle = unit.catalog.bundle(unit.tenant, price.terms.bundle)
    if bundle.storefront != customer.storefront:
        raise RuleViolated("other_storefront", f"Bundle {bundle.bundle!r} is not sold in the customer's storefront.", "/bundle")
    _check_dates(unit, request)
    subscription = Subscription.start(
        unit.new_id(ids.SUBSCRIPTION),
        tenant=unit.tenant,
        customer=customer.id,
        storefront=customer.storefront,
        terms=price.terms,
        grants=bundle.grants,
        timezone=customer.timezone,
        started_at=request.start_at or unit.now,
        now=unit.now,
    )
    unit.add(subscription)
    if subscription.trial_ends_at is not None and subscription.trial_ends_at <= unit.now:
        subscription.activate(unit.now)
    _check_length(unit, subscription)
    if request.history_until is None:
        bill_and_charge(unit, subscription)
        return subscription
    for period in subscription.unbilled_periods(request.history_until, inclusive=False):
        invoice = issue_invoice(unit, subscription, period, period.start)
        if not invoice.paid:
            record_payment(unit, invoice, Money(amount=invoice.total, currency=invoice.currency), period.start, None)
    return subscription


def _price(unit: Unit, request: StartSubscription) -> Price:
    if request.price is not None:
        price = unit.catalog.price(unit.tenant, request.price)
        if request.bundle not in (None, price.terms.bundle):
            raise RuleViolated(
                "price_of_another_bundle", f"Price {request.price!r} is not of bundle {request.bundle!r}.", "/price"
            )
        if request.currency not in (None, price.terms.amount.currency):
            raise RuleViolated("no_price", f"Price {request.price!r} is not in {request.currency}.", "/currency")
        return price
    if request.bundle is None or request.currency is None:
        raise RuleViolated("price_missing", "Give a price, or a bundle and a currency.", "/price")
    unit.catalog.bundle(unit.tenant, request.bundle)
    return unit.catalog.price_for(unit.tenant, request.bundle, request.currency)


def _check_length(unit: Unit, subscription: Subscription) -> None:
    """Refuse a start so long ago that what is to be billed would not be one command's work."""
    if subscription.anchor >= unit.now:
        return
    begun = periods.first_index_from(subscription.anchor, subscription.timezone, subscription.terms.interval, unit.now)
    if begun > PERIODS_MAX:
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
