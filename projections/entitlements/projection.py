"""Subscription events → a row for each grant, and one for the access that the subscription's grants share.

Access is what the events say; no rule is derived again here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from domain.catalog.terms import Grant
from domain.subscription import events
from domain.subscription.sale import Item
from projections import ignored
from projections.change import Change, Envelope, Insert, Projection, Table, Update

ENTITLEMENTS = Projection(
    "entitlements",
    tables=(
        Table("granted_entitlements", ("tenant", "customer", "entitlement", "subscription", "agreement")),
        Table("subscription_access", ("tenant", "subscription")),
    ),
    ignores=ignored.CATALOG
    | ignored.API_KEY
    | ignored.CUSTOMER
    | ignored.INVOICE
    | ignored.PAYMENT
    | ignored.USAGE
    | {
        events.SubscriptionActivated,
        events.SubscriptionBilled,
        events.SubscriptionChangeScheduled,
        events.SubscriptionChangeWithdrawn,
        events.SubscriptionDiscounted,
        events.SubscriptionDiscountEnded,
        events.SubscriptionInvoiceWithdrawn,
        events.SubscriptionLineWaived,
        events.SubscriptionUsedLate,
        events.SubscriptionTransferRequested,
        events.SubscriptionTransferFailed,
    },
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
        "agreement": envelope.version,
    }
    return (Insert("subscription_access", access), *_granted(event.items, event.grants, envelope))


def _granted(items: Sequence[Item], grants: Sequence[Grant], envelope: Envelope) -> Sequence[Change]:
    """What is granted from now on; the agreement is numbered by its event's version."""
    bundles = {grant.entitlement: item.terms.bundle for item in items for grant in item.grants}
    rows = (
        {
            "tenant": envelope.tenant,
            "customer": envelope.customer,
            "subscription": envelope.stream,
            "agreement": envelope.version,
            "entitlement": grant.entitlement,
            "kind": grant.kind,
            "value": grant.value,
            "bundle": bundles[grant.entitlement],
        }
        for grant in grants
    )
    return [Insert("granted_entitlements", row) for row in rows]


@ENTITLEMENTS.on(events.SubscriptionChanged)
def _changed(event: events.SubscriptionChanged, envelope: Envelope) -> Sequence[Change]:
    access = _update(envelope, agreement=envelope.version, access_until=event.access_until)
    return (*access, *_granted(event.items, event.grants, envelope))


@ENTITLEMENTS.on(events.SubscriptionTrialEndSet)
def _trial_end_set(event: events.SubscriptionTrialEndSet, envelope: Envelope) -> Sequence[Change]:
    return _update(envelope, access_until=event.access_until)


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


@ENTITLEMENTS.on(events.SubscriptionPaused)
def _paused(event: events.SubscriptionPaused, envelope: Envelope) -> Sequence[Change]:
    return _update(envelope, access=event.access)


@ENTITLEMENTS.on(events.SubscriptionResumed)
def _resumed(event: events.SubscriptionResumed, envelope: Envelope) -> Sequence[Change]:
    return _update(envelope, access=event.access)


@ENTITLEMENTS.on(events.SubscriptionRenewed)
def _renewed(event: events.SubscriptionRenewed, envelope: Envelope) -> Sequence[Change]:
    return _update(envelope, access_until=event.access_until)


@ENTITLEMENTS.on(events.SubscriptionTransferred)
def _transferred(event: events.SubscriptionTransferred, envelope: Envelope) -> Sequence[Change]:
    return _update(envelope, access=event.access, access_until=event.access_until, ended=True)


@ENTITLEMENTS.on(events.SubscriptionCancellationScheduled)
def _cancellation_scheduled(event: events.SubscriptionCancellationScheduled, envelope: Envelope) -> Sequence[Change]:
    return _update(envelope, access_until=event.access_until)


@ENTITLEMENTS.on(events.SubscriptionCancellationWithdrawn)
def _cancellation_withdrawn(event: events.SubscriptionCancellationWithdrawn, envelope: Envelope) -> Sequence[Change]:
    return _update(envelope, access_until=event.access_until)


@ENTITLEMENTS.on(events.SubscriptionCancelled)
def _cancelled(event: events.SubscriptionCancelled, envelope: Envelope) -> Sequence[Change]:
    return _update(envelope, access=event.access, access_until=event.access_until, ended=True)


@ENTITLEMENTS.on(events.SubscriptionExpired)
def _expired(event: events.SubscriptionExpired, envelope: Envelope) -> Sequence[Change]:
    return _update(envelope, access=event.access, access_until=event.access_until, ended=True)
