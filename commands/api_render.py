"""Aggregates as the resources of the API: plain data for the encoder, with the fields that `infra.http.resources` documents."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from typing import Any

from commands.ports import Answer, Quota, Vault
from domain.catalog.aggregates import ApiKey, Bundle, Clock, Entitlement, Price, Storefront, Tenant
from domain.customer.aggregate import Customer
from domain.event import Aggregate
from domain.invoice.aggregate import Invoice
from domain.payment.aggregate import Payment
from domain.subscription.aggregate import Subscription
from infra.http.etags import etag

Resource = dict[str, Any]
_PERSONAL = ("name", "email", "phone", "address")


def tenant(it: Tenant) -> Resource:
    return {"object": "tenant", "id": it.tenant, "name": it.name, **_common(it)}


def storefront(it: Storefront) -> Resource:
    return {
        "object": "storefront",
        "id": it.storefront,
        "name": it.name,
        "timezone": it.timezone,
        "payment_provider": it.payment_provider,
        "retry_after_s": it.retry_after_s,
        **_common(it),
    }


def entitlement(it: Entitlement) -> Resource:
    return {"object": "entitlement", "id": it.entitlement, "kind": it.kind, "name": it.name, **_common(it)}


def bundle(it: Bundle) -> Resource:
    grants = [{"entitlement": grant.entitlement, "kind": grant.kind, "value": grant.value} for grant in it.grants]
    return {"object": "bundle", "id": it.bundle, "storefront": it.storefront, "name": it.name, "grants": grants, **_common(it)}


def price(it: Price) -> Resource:
    terms = it.terms
    return {
        "object": "price",
        "id": it.price,
        "price_version": terms.price_version,
        "storefront": it.storefront,
        "bundle": terms.bundle,
        "amount": _money(terms.amount.amount, terms.amount.currency),
        "interval": {"unit": terms.interval.unit, "count": terms.interval.count},
        "trial_days": terms.trial_days,
        "term_periods": terms.term_periods,
        **_common(it),
    }


def api_key(it: ApiKey) -> Resource:
    return {
        "object": "api_key",
        "id": it.api_key,
        "name": it.name,
        "permissions": it.permissions,
        "revoked_at": it.revoked_at,
        **_common(it),
    }


def clock(it: Clock) -> Resource:
    return {"object": "test_clock", "id": it.clock, "name": it.name, "now": it.now, **_common(it)}


def customer(it: Customer, vault: Vault) -> Resource:
    """With the personal data in clear, or null where there is none or its key is gone."""
    clear = None
    if it.personal is not None:
        clear = vault.unseal(vault.wrapped_key(f"{it.tenant}/{it.id}"), it.id, "personal", it.personal)
    method = it.payment_method
    return {
        "object": "customer",
        "id": it.id,
        "external_id": it.external_id,
        "storefront": it.storefront,
        "timezone": it.timezone,
        "test_clock": it.clock,
        "personal": None if clear is None else {name: clear.get(name) for name in _PERSONAL},
        "payment_method": None if method is None else {"provider": method.provider, "token": method.token},
        **_common(it),
    }


def subscription(it: Subscription) -> Resource:
    terms, period = it.terms, it.last_period
    return {
        "object": "subscription",
        "id": it.id,
        "customer": it.customer,
        "storefront": it.storefront,
        "bundle": terms.bundle,
        "price": terms.price,
        "price_version": terms.price_version,
        "state": it.state,
        "amount": _money(terms.amount.amount, terms.amount.currency),
        "interval": {"unit": terms.interval.unit, "count": terms.interval.count},
        "timezone": it.timezone,
        "started_at": it.started_at,
        "trial_ends_at": it.trial_ends_at,
        "term_ends_at": it.term_ends_at,
        "current_period": None if period is None else {"start": period.start, "end": period.end},
        "cancel_at": it.cancel_at,
        "ended_at": it.ended_at,
        "access": it.access,
        "access_until": it.access_until,
        **_common(it),
    }


def payment(it: Payment) -> Resource:
    currency = it.amount.currency
    attempts = [
        {
            "attempt": attempt.number,
            "state": attempt.state,
            "started_at": attempt.started_at,
            "settled_at": attempt.settled_at,
            "provider": attempt.provider,
            "provider_reference": attempt.reference,
            "code": attempt.code,
        }
        for attempt in it.tries
    ]
    return {
        "object": "payment",
        "id": it.id,
        "invoice": it.invoice,
        "customer": it.customer,
        "subscription": it.subscription,
        "storefront": it.storefront,
        "purpose": it.purpose,
        "state": it.state,
        "amount": _money(it.amount.amount, currency),
        "applied": _money(it.applied, currency),
        "surplus": _money(it.surplus, currency),
        "attempts": attempts,
        "retry_at": it.retry_at,
        "paid_at": it.paid_at,
        "reference": it.reference,
        **_common(it),
    }


def _money(amount: int, currency: str) -> Resource:
    return {"amount": amount, "currency": currency}


def _common(it: Aggregate) -> Resource:
    return {"created": it.created_on, "version": it.version}


_RENDERERS: dict[type[Aggregate], Callable[[Any], Resource]] = {
    Tenant: tenant,
    Storefront: storefront,
    Entitlement: entitlement,
    Bundle: bundle,
    Price: price,
    ApiKey: api_key,
    Clock: clock,
    Subscription: subscription,
    Payment: payment,
}


def resource(it: Aggregate, vault: Vault) -> Resource:
    """Any aggregate that a command answers with."""
    assert not isinstance(it, Invoice), "no command answers with an invoice"
    return customer(it, vault) if isinstance(it, Customer) else _RENDERERS[type(it)](it)


def tag(it: Aggregate) -> int | str:
    """What its ETag holds: the stream's version; a price's own version before it, since each is a stream of its own."""
    return f"{it.terms.price_version}-{it.version}" if isinstance(it, Price) else it.version


_PATHS: dict[type[Aggregate], Callable[[Any], str]] = {
    Tenant: lambda it: f"tenants/{it.tenant}",
    Storefront: lambda it: f"storefronts/{it.storefront}",
    Entitlement: lambda it: f"entitlements/{it.entitlement}",
    Bundle: lambda it: f"bundles/{it.bundle}",
    Price: lambda it: f"prices/{it.price}",
    ApiKey: lambda it: f"api-keys/{it.api_key}",
    Clock: lambda it: f"test-clocks/{it.clock}",
    Customer: lambda it: f"customers/{it.id}",
    Subscription: lambda it: f"subscriptions/{it.id}",
    Payment: lambda it: f"payments/{it.id}",
}


def answer_headers(answer: Answer, shown: Aggregate, *, located: bool, position: str = "") -> dict[str, str]:
    """What goes with every answer to a command that appended, now or before. ``located``: say where the resource is."""
    headers = {"etag": etag(tag(shown)), "ledger-position": position or answer.position}
    if located:
        headers["location"] = f"/v1/{_PATHS[type(shown)](shown)}"
    if answer.replayed:
        headers["idempotent-replayed"] = "true"
    if answer.quota is not None:
        headers |= rate_limits(answer.quota)
    return headers


def rate_limits(quota: Quota) -> dict[str, str]:
    """The RateLimit fields (draft-ietf-httpapi-ratelimit-headers-10), with one policy: how many of the tenant's requests may wait
    at the same time in a partition, which is the partition key.
    """
    of = f"pk=:{b64encode(quota.partition.encode()).decode()}:"
    return {
        "ratelimit-policy": f'"waiting";q={quota.limit};qu="concurrent-requests";{of}',
        "ratelimit": f'"waiting";r={quota.left};{of}',
    }
