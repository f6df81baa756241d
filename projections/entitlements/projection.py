"""Subscription events → a row for each grant, and one for the access that the subscription's grants share.

Access is what the events say; no rule is derived again here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from domain.subscription import events
from projections import ignored
from projections.change import Change, Envelope, Insert, Projection, Table, Update

ENTITLEMENTS = Projection(
    "entitlements",
    tables=(
        Table("granted_entitlements", ("tenant", "customer", "entitlement", "subscription")),
        Table("subscription_access", ("tenant", "subscription")),
    ),
    ignores=ignored.CATALOG
    | ignored.API_KEY
    | ignored.CUSTOMER
    | ignored.INVOICE
    | ignored.PAYMENT
    | {events.SubscriptionActivated, events.SubscriptionPeriodBilled},
)


@ENTITLEMENTS.on(events.SubscriptionStarted)
def _started(event: events.SubscriptionStarted, envelope: Envelope) -> Sequence[Change]:
    access = {
        "tenant": envelope.tenant,
        "subscription": envelope.stream,
        "starts_at": event.started_at,
        "access": event.access,
        "access_until": event.access_until,
        "ended": False,
    }
    grants = (
        {
            "tenant": envelope.tenant,
            "customer": event.customer,
            "subscription": envelope.stream,
            "entitlement": grant.entitlement,
            "kind": grant.kind,
            "value": grant.value,
            "bundle": event.terms.bundle,
        }
        for grant in event.grants
    )
    return (Insert("subscription_access", access), *(Insert("granted_entitlements", row) for row in grants))


def _update(envelope: Envelope, **values: Any) -> Sequence[Change]:
    return (Update("subscription_access", {"tenant": envelope.tenant, "subscription": envelope.stream}, values),)


@ENTITLEMENTS.on(events.SubscriptionGraceEntered)
def _grace_entered(event: events.SubscriptionGraceEntered, envelope: Envelope) -> Sequence[Change]:
    return _update(envelope, access=event.access)


@ENTITLEMENTS.on(events.SubscriptionSuspended)
def _suspended(event: events.SubscriptionSuspended, envelope: Envelope) -> Sequence[Change]:
    return _update(envelope, access=event.access)


@ENTITLEMENTS.on(events.SubscriptionReinstated)
def _reinstated(event: events.SubscriptionReinstated, envelope: Envelope) -> Sequence[Change]:
    return _update(envelope, access=event.access)


@ENTITLEMENTS.on(events.SubscriptionCancellationScheduled)
def _cancellation_scheduled(event: events.SubscriptionCancellationScheduled, envelope: Envelope) -> Sequence[Change]:
    return _update(envelope, access_until=event.access_until)


@ENTITLEMENTS.on(events.SubscriptionCancelled)
def _cancelled(event: events.SubscriptionCancelled, envelope: Envelope) -> Sequence[Change]:
    return _update(envelope, access=event.access, access_until=event.access_until, ended=True)


@ENTITLEMENTS.on(events.SubscriptionExpired)
def _expired(event: events.SubscriptionExpired, envelope: Envelope) -> Sequence[Change]:
    return _update(envelope, access=event.access, access_until=event.access_until, ended=True)
