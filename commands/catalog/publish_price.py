"""Publish a price, or the next version of one."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from commands.catalog.slugs import Slug, slug_or_new
from commands.instant import Instant
from commands.unit import Unit
from domain.catalog.aggregates import Price
from domain.catalog.terms import CHARGES_MAX, PHASES_MAX, Charge, Interval, Phase, Terms
from domain.errors import NotFound, RuleViolated, WrongState
from domain.money import MAX_AMOUNT, Amount, Currency, Money, rounded
from domain.pricing.models import exact
from domain.subscription.sale import TRIAL

# So that whatever 1,200 of them come to, as a term or a coupon's time, is within the calendar, wherever it begins.
_INTERVAL_MAX_DAYS = 1830
_DAYS = {"day": 1, "week": 7, "month": 30, "year": 365}


class PriceVersion(BaseModel):
    """Either an ``amount`` a period, for each unit, or a ``currency`` and ``charges``. ``trial_days`` 0: no trial; ``trial_fee``:
    what all of it costs. ``phases`` come first, one after the other, with charges of their own. ``term_periods`` null: runs
    until cancelled, else so many periods after the trial. No interval is longer than five years. It is sold from
    ``effective_from`` on (null: from now on); of versions that are in effect the newest is.
    """

    model_config = ConfigDict(extra="forbid")

    amount: Money | None = Field(default=None, examples=[{"amount": 999, "currency": "EUR"}])
    currency: Currency | None = Field(default=None, examples=["EUR"])
    charges: tuple[Charge, ...] = Field(default=(), max_length=CHARGES_MAX)
    interval: Interval = Field(examples=[{"unit": "month", "count": 1}])
    trial_days: Annotated[int, Field(ge=0, le=3650, strict=True)] = 0
    trial_fee: Amount = 0
    phases: tuple[Phase, ...] = Field(default=(), max_length=PHASES_MAX)
    term_periods: Annotated[int, Field(ge=1, le=1200, strict=True)] | None = None
    effective_from: Instant | None = None


class PublishPrice(PriceVersion):
    """A new price of a bundle, for one ``channel`` or (null) for all that have none of their own."""

    id: Slug | None = Field(default=None, examples=["gold-monthly-eur"])
    bundle: str = Field(max_length=63, examples=["gold"])
    channel: Slug | None = Field(default=None, examples=["app-store"])


def publish_price(unit: Unit, request: PublishPrice) -> Price:
    """Version 1; raises WrongState where the id is taken."""
    id = slug_or_new(unit, request.id, "pri")
    if unit.catalog.latest_price(unit.tenant, id) is not None:
        raise WrongState("price_exists", f"There is a price {id!r} already.")
    return _publish(unit, id, 1, request.bundle, request.channel, request)


def publish_version(unit: Unit, id: str, request: PriceVersion) -> Price:
    """The next version: new sales take it, what was sold keeps its own."""
    latest = unit.catalog.latest_price(unit.tenant, id)
    if latest is None:
        raise NotFound("price", id)
    last = latest.terms
    if (currency := _amount(request).currency) != last.amount.currency:
        pointer = "/currency" if request.amount is None else "/amount/currency"
        raise RuleViolated("other_currency", f"Price {id!r} is in {last.amount.currency}, not {currency}.", pointer)
    return _publish(unit, id, last.price_version + 1, last.bundle, last.channel, request)


def _publish(unit: Unit, id: str, version: int, bundle_id: str, channel: str | None, request: PriceVersion) -> Price:
    bundle = unit.catalog.bundle(unit.tenant, bundle_id)
    _check_interval(request.interval, "/interval/count")
    _check_charges(unit, request.charges, "/charges")
    _check_phases(unit, request)
    terms = Terms(
        bundle=bundle.bundle,
        bundle_name=bundle.name,
        price=id,
        price_version=version,
        amount=_amount(request),
        interval=request.interval,
        trial_days=request.trial_days,
        term_periods=request.term_periods,
        charges=request.charges,
        trial_fee=request.trial_fee,
        phases=request.phases,
        channel=channel,
        effective_from=request.effective_from,
    )
    price = Price.publish(unit.tenant, bundle.storefront, terms, unit.now)
    unit.add(price)
    return price


def _amount(request: PriceVersion) -> Money:
    """What a period costs for one unit; raises RuleViolated where the request does not say, or says it twice."""
    if request.amount is not None:
        if request.charges or request.currency not in (None, request.amount.currency):
            raise RuleViolated("amount_and_charges", "Give an amount, or a currency and charges.", "/charges")
        return request.amount
    if request.currency is None or not request.charges:
        raise RuleViolated("amount_missing", "Give an amount, or a currency and charges.", "/amount")
    recurring = (exact(list(charge.pricing.steps(Decimal(1)))) for charge in request.charges if charge.kind == "recurring")
    amount = rounded(sum(recurring, Fraction(0)), "half_up")
    if amount > MAX_AMOUNT:
        raise RuleViolated("amount_too_large", "It comes to more than can be billed.", "/charges")
    return Money(amount=amount, currency=request.currency)


def _check_interval(interval: Interval, pointer: str) -> None:
    if interval.count * _DAYS[interval.unit] > _INTERVAL_MAX_DAYS:
        raise RuleViolated("interval_too_long", "An interval is at most five years.", pointer)


def _check_charges(unit: Unit, charges: Sequence[Charge], pointer: str) -> None:
    ids = [charge.id for charge in charges]
    for number, charge in enumerate(charges):
        if charge.id in ids[:number]:
            raise RuleViolated("id_taken", f"There is a charge {charge.id!r} already.", f"{pointer}/{number}/id")
        if charge.kind == "usage" and charge.meter is None:
            raise RuleViolated("meter_missing", "Usage is priced by a meter.", f"{pointer}/{number}/meter")
        if charge.meter is not None:
            unit.catalog.meter(unit.tenant, charge.meter, f"{pointer}/{number}/meter")
            if charge.kind != "usage":
                raise RuleViolated("not_metered", "Only usage has a meter.", f"{pointer}/{number}/meter")


def _check_phases(unit: Unit, request: PriceVersion) -> None:
    ids = [TRIAL, *(phase.id for phase in request.phases)]
    for number, phase in enumerate(request.phases):
        if phase.id in ids[: number + 1]:
            raise RuleViolated("id_taken", f"There is a phase {phase.id!r} already.", f"/phases/{number}/id")
        _check_interval(phase.lasts, f"/phases/{number}/lasts/count")
        _check_charges(unit, phase.charges, f"/phases/{number}/charges")
    if request.trial_fee and not request.trial_days:
        raise RuleViolated("fee_without_trial", "There is no trial to pay for.", "/trial_fee")
