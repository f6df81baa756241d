"""Change what a subscription sells: another price, quantity or add-ons, now, in the past, or at the end of the period."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from commands.billing import bill_change
from commands.collecting import activate
from commands.instant import Instant
from commands.quantity import GivenQuantity
from commands.subscription.sold import AddOn, check_amount, check_currency, item_of, items_of
from commands.unit import Unit
from domain.errors import RuleViolated, WrongState
from domain.pricing.calendar import BillingDay
from domain.subscription import lifecycle
from domain.subscription.aggregate import Subscription, trial_end
from domain.subscription.events import SubscriptionChangeScheduled
from domain.subscription.sale import Item, in_force


class ChangeSubscription(BaseModel):
    """What is left out stays. ``price`` and ``quantity`` are the base's; ``add_ons`` are all that there will be. An instant in
    the past needs the permission to backdate.
    """

    model_config = ConfigDict(extra="forbid")

    price: str | None = Field(default=None, max_length=64, examples=["gold-yearly-eur"])
    quantity: GivenQuantity | None = Field(default=None, examples=["3"])
    add_ons: tuple[AddOn, ...] | None = Field(default=None, max_length=20)
    billing_day: BillingDay | None = None
    at: Literal["now", "period_end"] | Instant = Field(default="now", examples=["period_end"])


def change(unit: Unit, id: str, request: ChangeSubscription) -> Subscription:
    """The subscription, changed or about to be. What the change takes back and what is owed instead stands on one invoice."""
    subscription = unit.get(Subscription, id)
    lifecycle.check(subscription.state, "change")
    at = _effective(unit, subscription, request)
    items = _wanted(unit, subscription, request, at)
    if items == in_force(subscription.sale.agreements, at).items:
        raise WrongState("nothing_changed", "It is sold so already.", lifecycle.allowed(subscription.state))
    if at > unit.now:
        subscription.schedule_change(items, at, unit.now)
    else:
        before, scheduled = in_force(subscription.sale.agreements, at).items, subscription.scheduled
        change_now(unit, subscription, items, at)
        if subscription.scheduled is not None and subscription.scheduled is scheduled:
            _reschedule(unit, subscription, scheduled, before, items)
        bill_change(unit, subscription, unit.now)
    return subscription


def _reschedule(
    unit: Unit,
    subscription: Subscription,
    scheduled: SubscriptionChangeScheduled,
    before: tuple[Item, ...],
    now_sold: tuple[Item, ...],
) -> None:
    """What the scheduled change leaves as it was stays as it is sold by now."""
    old, new, later = ({item.id: item for item in items} for items in (before, now_sold, scheduled.items))
    found = [_still_wanted(item, old.get(item.id), new.get(item.id)) for item in scheduled.items]
    added = [item for item in now_sold if item.id not in old and item.id not in later]
    items = (*(item for item in found if item is not None), *added)
    if items != scheduled.items:
        check_currency(items)
        subscription.schedule_change(items, scheduled.effective_at, unit.now)


def _still_wanted(later: Item, before: Item | None, now: Item | None) -> Item | None:
    """An item of a scheduled change with what was changed of it meanwhile; None where it was taken away."""
    if before is None:
        return later
    terms, quantity, day = later.terms != before.terms, later.quantity != before.quantity, later.billing_day != before.billing_day
    if now is None:
        return later if terms or quantity else None
    sold = later if terms else now
    return later.model_copy(
        update={
            "terms": sold.terms,
            "grants": sold.grants,
            "quantity": (later if quantity else now).quantity,
            "billing_day": (later if day else now).billing_day,
        }
    )


def change_now(unit: Unit, subscription: Subscription, items: tuple[Item, ...], at: datetime) -> None:
    """Change as of an instant that has come. Who moves to another price in trial has that price's trial."""
    trial_ends_at = subscription.trial_ends_at
    in_trial = subscription.state == "trial" and trial_ends_at is not None and at < trial_ends_at
    if in_trial and items[0].terms.price != in_force(subscription.sale.agreements, at).base.terms.price:
        anew = unit.catalog.storefront(unit.tenant, subscription.storefront).billing.changed_trial == "anew"
        begun = at if anew else subscription.sale.started_at
        trial_ends_at = max(at, trial_end(items[0].terms, begun, subscription.sale.timezone) or at)
    subscription.change(items, at, unit.now, trial_ends_at=trial_ends_at)
    if subscription.state == "trial" and trial_ends_at is not None and trial_ends_at <= unit.now:
        activate(unit, subscription)


def _effective(unit: Unit, subscription: Subscription, request: ChangeSubscription) -> datetime:
    if request.at == "now":
        return unit.now
    at = subscription.period_end(unit.now) if request.at == "period_end" else request.at
    if at < unit.now and not unit.may_backdate:
        raise RuleViolated("backdating_not_permitted", "This key may not give dates in the past.", "/at")
    last = subscription.sale.agreements[-1].start
    if at < last:
        raise RuleViolated("date_before_last_change", f"It was changed as of {last.isoformat()} already.", "/at")
    if subscription.ends_at is not None and at >= subscription.ends_at:
        raise RuleViolated("date_after_end", f"It ends at {subscription.ends_at.isoformat()}.", "/at")
    return at


def _wanted(unit: Unit, subscription: Subscription, request: ChangeSubscription, at: datetime) -> tuple[Item, ...]:
    before = in_force(subscription.sale.agreements, at)
    quantity = before.base.quantity if request.quantity is None else request.quantity
    price = before.base.terms.price if request.price is None else request.price
    if request.price is None:
        base = before.base.model_copy(update={"quantity": quantity})
        check_amount(base, "/quantity")
    else:
        base = item_of(unit, subscription.storefront, price, quantity, at, "/price")
    if base.terms.amount.currency != subscription.currency and request.at != "period_end":
        raise RuleViolated("other_currency", f"It is billed in {subscription.currency} until the end of the period.", "/price")
    add_ons = before.items[1:] if request.add_ons is None else items_of(unit, subscription.storefront, request.add_ons, at)
    day = before.base.billing_day if request.billing_day is None else request.billing_day
    if day == subscription.sale.billing.billing_day:
        day = None
    items = tuple(counted(subscription, item, at, day) for item in (base, *add_ons))
    check_currency(items)
    return items


def counted(subscription: Subscription, item: Item, at: datetime, billing_day: BillingDay | None) -> Item:
    """With the anchor of its periods: what has the same interval as before goes on as it did, all else begins anew.

    What was agreed for this very instant is replaced, and does not count: who changes there and back goes on as if nothing had
    been.
    """
    agreements = subscription.sale.agreements
    before = next((each.items for each in reversed(agreements) if each.start < at), agreements[0].items)
    former = next((each for each in before if each.id == item.id), before[0])
    begun = None if at <= subscription.sale.anchor else at
    anchor = former.anchor if former.terms.interval == item.terms.interval else begun
    return item.model_copy(update={"anchor": anchor, "billing_day": billing_day})
