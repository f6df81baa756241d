"""Subscription events → one row a subscription."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from domain.pricing.discounts import Discount
from domain.subscription import events
from domain.subscription.sale import Item
from projections import ignored
from projections.change import Change, Envelope, Insert, Projection, Table, Update

# A subscription is not started with more discounts than this.
PLACES = 100

SUBSCRIPTIONS = Projection(
    "subscriptions",
    tables=(Table("subscriptions", ("tenant", "id")), Table("subscription_discounts", ("tenant", "subscription", "coupon"))),
    ignores=ignored.CATALOG | ignored.API_KEY | ignored.CUSTOMER | ignored.INVOICE | ignored.PAYMENT | ignored.USAGE,
)


@SUBSCRIPTIONS.on(events.SubscriptionStarted)
def _started(event: events.SubscriptionStarted, envelope: Envelope) -> Sequence[Change]:
    row = {
        "tenant": envelope.tenant,
        "id": envelope.stream,
        "customer": event.customer,
        "storefront": event.storefront,
        **_sold(event.items),
        "state": event.state,
        "timezone": event.timezone,
        "started_at": event.started_at,
        "trial_ends_at": event.trial_ends_at,
        "term_ends_at": event.term_ends_at,
        "period_start": None,
        "period_end": None,
        "change_at": None,
        "cancel_at": None,
        "pause": None,
        "transfer": None,
        "transferred_from": None if event.former is None else event.former.subscription,
        "gives_up_at": None,
        "ended_at": None,
        "access": event.access,
        "access_until": event.access_until,
        "created": event.timestamp,
        "version": envelope.version,
    }
    discounts = (_discount(discount, envelope, place) for place, discount in enumerate(event.discounts))
    return (Insert("subscriptions", row), *discounts)


def _discount(discount: Discount, envelope: Envelope, place: int) -> Change:
    row = {
        "tenant": envelope.tenant,
        "subscription": envelope.stream,
        "coupon": discount.id,
        "name": discount.name,
        "percent": None if discount.percent is None else f"{discount.percent:f}",
        "amount": discount.amount,
        "currency": discount.currency,
        "item": discount.item,
        "periods": discount.periods,
        "since": discount.since,
        "until": discount.until,
        "place": place,
    }
    return Insert("subscription_discounts", row)


def _sold(items: Sequence[Item]) -> dict[str, Any]:
    base, *add_ons = items
    terms = base.terms
    return {
        "bundle": terms.bundle,
        "price": terms.price,
        "price_version": terms.price_version,
        "quantity": f"{base.quantity:f}",
        "amount": terms.amount.amount,
        "currency": terms.amount.currency,
        "interval_unit": terms.interval.unit,
        "interval_count": terms.interval.count,
        "add_ons": [_add_on(item) for item in add_ons],
    }


def _add_on(item: Item) -> dict[str, Any]:
    terms = item.terms
    return {
        "id": item.id,
        "bundle": terms.bundle,
        "price": terms.price,
        "price_version": terms.price_version,
        "quantity": f"{item.quantity:f}",
        "amount": {"amount": terms.amount.amount, "currency": terms.amount.currency},
        "interval": {"unit": terms.interval.unit, "count": terms.interval.count},
    }


def _update(envelope: Envelope, **values: Any) -> Sequence[Change]:
    key = {"tenant": envelope.tenant, "id": envelope.stream}
    return (Update("subscriptions", key, {**values, "version": envelope.version}),)


@SUBSCRIPTIONS.on(events.SubscriptionActivated)
def _activated(_: events.SubscriptionActivated, envelope: Envelope) -> Sequence[Change]:
    return _update(envelope, state="active")


@SUBSCRIPTIONS.on(events.SubscriptionTrialEndSet)
def _trial_end_set(event: events.SubscriptionTrialEndSet, envelope: Envelope) -> Sequence[Change]:
    values = {"term_ends_at": event.term_ends_at, "access_until": event.access_until}
    return _update(envelope, trial_ends_at=event.trial_ends_at, **values)


@SUBSCRIPTIONS.on(events.SubscriptionBilled)
def _billed(event: events.SubscriptionBilled, envelope: Envelope) -> Sequence[Change]:
    period = {} if event.period is None else {"period_start": event.period.start, "period_end": event.period.end}
    return _update(envelope, **period)


@SUBSCRIPTIONS.on(events.SubscriptionChanged)
def _changed(event: events.SubscriptionChanged, envelope: Envelope) -> Sequence[Change]:
    ends = {"trial_ends_at": event.trial_ends_at, "term_ends_at": event.term_ends_at, "access_until": event.access_until}
    return _update(envelope, **_sold(event.items), **ends, change_at=event.next_change_at)


@SUBSCRIPTIONS.on(events.SubscriptionChangeScheduled)
def _change_scheduled(event: events.SubscriptionChangeScheduled, envelope: Envelope) -> Sequence[Change]:
    return _update(envelope, change_at=event.effective_at)


@SUBSCRIPTIONS.on(events.SubscriptionChangeWithdrawn)
def _change_withdrawn(_: events.SubscriptionChangeWithdrawn, envelope: Envelope) -> Sequence[Change]:
    return _update(envelope, change_at=None)


@SUBSCRIPTIONS.on(events.SubscriptionGraceEntered)
def _grace_entered(event: events.SubscriptionGraceEntered, envelope: Envelope) -> Sequence[Change]:
    return _update(envelope, state="grace", access=event.access)


@SUBSCRIPTIONS.on(events.SubscriptionSuspended)
def _suspended(event: events.SubscriptionSuspended, envelope: Envelope) -> Sequence[Change]:
    return _update(envelope, state="suspended", access=event.access, gives_up_at=event.gives_up_at)


@SUBSCRIPTIONS.on(events.SubscriptionReinstated)
def _reinstated(event: events.SubscriptionReinstated, envelope: Envelope) -> Sequence[Change]:
    return _update(envelope, state="active", access=event.access, gives_up_at=None)


@SUBSCRIPTIONS.on(events.SubscriptionPaused)
def _paused(event: events.SubscriptionPaused, envelope: Envelope) -> Sequence[Change]:
    return _update(envelope, pause=event.pause.model_dump(mode="json"), access=event.access)


@SUBSCRIPTIONS.on(events.SubscriptionResumed)
def _resumed(event: events.SubscriptionResumed, envelope: Envelope) -> Sequence[Change]:
    return _update(envelope, pause=None, access=event.access)


@SUBSCRIPTIONS.on(events.SubscriptionRenewed)
def _renewed(event: events.SubscriptionRenewed, envelope: Envelope) -> Sequence[Change]:
    return _update(envelope, term_ends_at=event.term_ends_at, access_until=event.access_until)


@SUBSCRIPTIONS.on(events.SubscriptionDiscounted)
def _discounted(event: events.SubscriptionDiscounted, envelope: Envelope) -> Sequence[Change]:
    return (_discount(event.discount, envelope, envelope.version * PLACES), *_update(envelope))


@SUBSCRIPTIONS.on(events.SubscriptionDiscountEnded)
def _discount_ended(event: events.SubscriptionDiscountEnded, envelope: Envelope) -> Sequence[Change]:
    key = {"tenant": envelope.tenant, "subscription": envelope.stream, "coupon": event.discount}
    return (Update("subscription_discounts", key, {"until": event.ended_at}), *_update(envelope))


# The invoice has them.
@SUBSCRIPTIONS.on(events.SubscriptionInvoiceWithdrawn)
def _invoice_withdrawn(_: events.SubscriptionInvoiceWithdrawn, envelope: Envelope) -> Sequence[Change]:
    return _update(envelope)


@SUBSCRIPTIONS.on(events.SubscriptionLineWaived)
def _line_waived(_: events.SubscriptionLineWaived, envelope: Envelope) -> Sequence[Change]:
    return _update(envelope)


@SUBSCRIPTIONS.on(events.SubscriptionUsedLate)
def _used_late(_: events.SubscriptionUsedLate, envelope: Envelope) -> Sequence[Change]:
    return _update(envelope)


@SUBSCRIPTIONS.on(events.SubscriptionTransferRequested)
def _transfer_requested(event: events.SubscriptionTransferRequested, envelope: Envelope) -> Sequence[Change]:
    return _update(envelope, transfer=event.transfer.model_dump(mode="json"))


@SUBSCRIPTIONS.on(events.SubscriptionTransferFailed)
def _transfer_failed(_: events.SubscriptionTransferFailed, envelope: Envelope) -> Sequence[Change]:
    return _update(envelope, transfer=None)


@SUBSCRIPTIONS.on(events.SubscriptionTransferred)
def _transferred(event: events.SubscriptionTransferred, envelope: Envelope) -> Sequence[Change]:
    return _ended(event, envelope, state="cancelled", ended_at=event.transfer.at)


@SUBSCRIPTIONS.on(events.SubscriptionCancellationScheduled)
def _cancellation_scheduled(event: events.SubscriptionCancellationScheduled, envelope: Envelope) -> Sequence[Change]:
    return _update(envelope, cancel_at=event.cancel_at, access_until=event.access_until)


@SUBSCRIPTIONS.on(events.SubscriptionCancellationWithdrawn)
def _cancellation_withdrawn(event: events.SubscriptionCancellationWithdrawn, envelope: Envelope) -> Sequence[Change]:
    return _update(envelope, cancel_at=None, access_until=event.access_until)


@SUBSCRIPTIONS.on(events.SubscriptionCancelled)
def _cancelled(event: events.SubscriptionCancelled, envelope: Envelope) -> Sequence[Change]:
    return _ended(event, envelope, state="cancelled", ended_at=event.cancelled_at)


@SUBSCRIPTIONS.on(events.SubscriptionExpired)
def _expired(event: events.SubscriptionExpired, envelope: Envelope) -> Sequence[Change]:
    return _ended(event, envelope, state="expired", ended_at=event.expired_at)


def _ended(
    event: events.SubscriptionCancelled | events.SubscriptionExpired | events.SubscriptionTransferred,
    envelope: Envelope,
    **values: Any,
) -> Sequence[Change]:
    over = dict.fromkeys(("pause", "gives_up_at"))
    return _update(envelope, access=event.access, access_until=event.access_until, **over, **values)
