"""Subscription events → one row a subscription."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from domain.subscription import events
from projections import ignored
from projections.change import Change, Envelope, Insert, Projection, Table, Update

SUBSCRIPTIONS = Projection(
    "subscriptions",
    tables=(Table("subscriptions", ("tenant", "id")),),
    ignores=ignored.CATALOG | ignored.API_KEY | ignored.CUSTOMER | ignored.INVOICE | ignored.PAYMENT,
)


@SUBSCRIPTIONS.on(events.SubscriptionStarted)
def _started(event: events.SubscriptionStarted, envelope: Envelope) -> Sequence[Change]:
    terms = event.terms
    row = {
        "tenant": envelope.tenant,
        "id": envelope.stream,
        "customer": event.customer,
        "storefront": event.storefront,
        "bundle": terms.bundle,
        "price": terms.price,
        "price_version": terms.price_version,
        "amount": terms.amount.amount,
        "currency": terms.amount.currency,
        "interval_unit": terms.interval.unit,
        "interval_count": terms.interval.count,
        "state": event.state,
        "timezone": event.timezone,
        "started_at": event.started_at,
        "trial_ends_at": event.trial_ends_at,
        "term_ends_at": event.term_ends_at,
        "period_start": None,
        "period_end": None,
        "cancel_at": None,
        "ended_at": None,
        "access": event.access,
        "access_until": event.access_until,
        "created": event.timestamp,
        "version": envelope.version,
    }
    return (Insert("subscriptions", row),)


def _update(envelope: Envelope, **values: Any) -> Sequence[Change]:
    key = {"tenant": envelope.tenant, "id": envelope.stream}
    return (Update("subscriptions", key, {**values, "version": envelope.version}),)


@SUBSCRIPTIONS.on(events.SubscriptionActivated)
def _activated(_: events.SubscriptionActivated, envelope: Envelope) -> Sequence[Change]:
    return _update(envelope, state="active")


@SUBSCRIPTIONS.on(events.SubscriptionPeriodBilled)
def _period_billed(event: events.SubscriptionPeriodBilled, envelope: Envelope) -> Sequence[Change]:
    return _update(envelope, period_start=event.period.start, period_end=event.period.end)


@SUBSCRIPTIONS.on(events.SubscriptionGraceEntered)
def _grace_entered(event: events.SubscriptionGraceEntered, envelope: Envelope) -> Sequence[Change]:
    return _update(envelope, state="grace", access=event.access)


@SUBSCRIPTIONS.on(events.SubscriptionSuspended)
def _suspended(event: events.SubscriptionSuspended, envelope: Envelope) -> Sequence[Change]:
    return _update(envelope, state="suspended", access=event.access)


@SUBSCRIPTIONS.on(events.SubscriptionReinstated)
def _reinstated(event: events.SubscriptionReinstated, envelope: Envelope) -> Sequence[Change]:
    return _update(envelope, state="active", access=event.access)


@SUBSCRIPTIONS.on(events.SubscriptionCancellationScheduled)
def _cancellation_scheduled(event: events.SubscriptionCancellationScheduled, envelope: Envelope) -> Sequence[Change]:
    return _update(envelope, cancel_at=event.cancel_at, access_until=event.access_until)


@SUBSCRIPTIONS.on(events.SubscriptionCancelled)
def _cancelled(event: events.SubscriptionCancelled, envelope: Envelope) -> Sequence[Change]:
    return _ended(event, envelope, state="cancelled", ended_at=event.cancelled_at)


@SUBSCRIPTIONS.on(events.SubscriptionExpired)
def _expired(event: events.SubscriptionExpired, envelope: Envelope) -> Sequence[Change]:
    return _ended(event, envelope, state="expired", ended_at=event.expired_at)


def _ended(
    event: events.SubscriptionCancelled | events.SubscriptionExpired, envelope: Envelope, **values: Any
) -> Sequence[Change]:
    return _update(envelope, access=event.access, access_until=event.access_until, **values)
