"""Aggregates as the resources of the API: plain data for the encoder, with the fields that `infra.http.resources` documents."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from commands.ports import Answer, Quota, Vault
from domain.catalog.aggregates import ApiKey, Bundle, Clock, Coupon, Entitlement, Meter, Price, Storefront, Tenant
from domain.customer.aggregate import Customer
from domain.event import Aggregate
from domain.invoice.aggregate import Invoice
from domain.invoice.events import InvoiceCreditNoted, Line
from domain.payment.aggregate import Payment
from domain.pricing.discounts import Discount
from domain.subscription.aggregate import Subscription
from domain.subscription.sale import Item
from domain.usage.aggregate import Usage
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
        "billing": it.billing.model_dump(mode="json"),
        "dunning": it.dunning.model_dump(mode="json"),
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
        "trial_fee": _money(terms.trial_fee, terms.amount.currency),
        "charges": [charge.model_dump(mode="json") for charge in terms.charges],
        "phases": [phase.model_dump(mode="json") for phase in terms.phases],
        "channel": terms.channel,
        "effective_from": terms.effective_from,
        **_common(it),
    }


def meter(it: Meter) -> Resource:
    return {"object": "meter", "id": it.meter, "name": it.name, "aggregation": it.aggregation, **_common(it)}


def coupon(it: Coupon) -> Resource:
    amount = it.amount
    return {
        "object": "coupon",
        "id": it.coupon,
        "name": it.name,
        "percent": None if it.percent is None else f"{it.percent:f}",
        "amount": None if amount is None else _money(amount.amount, amount.currency),
        "periods": it.periods,
        "prices": it.prices,
        "redeem_by": it.redeem_by,
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


def customer(it: Customer, vault: Vault, data_keys: Mapping[str, bytes]) -> Resource:
    """With the personal data in clear, or null where there is none or its key is gone."""
    clear = None
    if it.personal is not None:
        key = f"{it.tenant}/{it.id}"
        clear = vault.unseal(data_keys.get(key) or vault.wrapped_key(key), it.id, "personal", it.personal)
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
        "billing_day": it.billing_day,
        "billed_together": it.together,
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
        "quantity": f"{it.base.quantity:f}",
        "amount": _money(terms.amount.amount, terms.amount.currency),
        "interval": {"unit": terms.interval.unit, "count": terms.interval.count},
        "add_ons": [_add_on(item) for item in it.add_ons],
        "timezone": it.sale.timezone,
        "started_at": it.started_at,
        "trial_ends_at": it.trial_ends_at,
        "term_ends_at": it.term_ends_at,
        "current_period": None if period is None else {"start": period.start, "end": period.end},
        "change_at": it.change_at,
        "cancel_at": it.cancel_at,
        "pause": None if it.pause is None else it.pause.model_dump(mode="json"),
        "discounts": [_discount(each) for each in it.discounts.values()],
        "transfer": None if it.transfer is None else it.transfer.model_dump(mode="json"),
        "transferred_from": it.transferred_from,
        "gives_up_at": it.gives_up_at,
        "ended_at": it.ended_at,
        "access": it.access,
        "access_until": it.access_until,
        **_common(it),
    }


def _add_on(it: Item) -> Resource:
    terms = it.terms
    return {
        "id": it.id,
        "bundle": terms.bundle,
        "price": terms.price,
        "price_version": terms.price_version,
        "quantity": f"{it.quantity:f}",
        "amount": _money(terms.amount.amount, terms.amount.currency),
        "interval": {"unit": terms.interval.unit, "count": terms.interval.count},
    }


def _discount(it: Discount) -> Resource:
    return {
        "coupon": it.id,
        "name": it.name,
        "percent": None if it.percent is None else f"{it.percent:f}",
        "amount": it.currency and _money(it.amount or 0, it.currency),
        "item": it.item,
        "periods": it.periods,
        "since": it.since,
        "until": it.until,
    }


def invoice(it: Invoice) -> Resource:
    def money(amount: int) -> Resource:
        return _money(amount, it.currency)

    return {
        "object": "invoice",
        "id": it.id,
        "number": it.number,
        "customer": it.customer,
        "subscription": it.subscriptions[0] if len(it.subscriptions) == 1 else None,
        "subscriptions": it.subscriptions,
        "storefront": it.storefront,
        "status": it.state,
        "currency": it.currency,
        "lines": [_line(line, money(line.amount), money(noted)) for line, noted in zip(it.lines, it.noted, strict=True)],
        "total": money(it.total),
        "credit_applied": money(it.credit_applied),
        "credited": money(it.credited),
        "written_off": money(it.written_off),
        "open": money(it.open),
        "finalizes_at": it.finalizes_at if it.state == "draft" else None,
        "issued_at": it.issued_at,
        "due_at": it.due_at,
        "paid_at": it.paid_at,
        "payments": [{"payment": id, "amount": money(amount), "applied_at": at} for id, amount, at in it.applied],
        "credit_notes": [_credit_note(note, money) for note in it.credit_notes],
        "version": it.version,
    }


def _line(it: Line, amount: Resource, waived: Resource) -> Resource:
    return {
        "kind": it.kind,
        "description": it.description,
        "subscription": it.subscription or None,
        "item": it.item or None,
        "charge": it.charge or None,
        "discount": it.discount or None,
        "bundle": it.bundle or None,
        "price": it.price or None,
        "price_version": it.price_version or None,
        "quantity": f"{it.quantity:f}",
        "period": {"start": it.period_start, "end": it.period_end},
        "amount": amount,
        "waived": waived,
    }


def _credit_note(it: InvoiceCreditNoted, money: Callable[[int], Resource]) -> Resource:
    return {
        "number": it.number,
        "lines": [{"line": each.line, "amount": money(each.amount)} for each in it.lines],
        "amount": money(it.amount),
        "to_account": money(it.to_account),
        "reason": it.reason,
        "issued_at": it.noted_at,
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
        "refunded": _money(it.refunded, currency),
        "attempts": attempts,
        "retry_at": it.retry_at,
        "paid_at": it.paid_at,
        "reference": it.reference,
        **_common(it),
    }


def _money(amount: int, currency: str) -> Resource:
    return {"amount": amount, "currency": currency}


def usage(it: Usage) -> Resource:
    recorded = it.last
    assert recorded is not None
    return {
        "object": "usage",
        "usage": it.id,
        "customer": it.customer,
        "subscription": it.subscription,
        "meter": it.meter,
        "at": recorded.at,
        "quantity": None if recorded.quantity is None else f"{recorded.quantity:f}",
        "value": recorded.value,
        "source": recorded.source,
        "record": recorded.record,
        "created": recorded.timestamp,
        "version": it.version,
    }


def _common(it: Aggregate) -> Resource:
    return {"created": it.created_on, "version": it.version}


_RENDERERS: dict[type[Aggregate], Callable[[Any], Resource]] = {
    Tenant: tenant,
    Storefront: storefront,
    Entitlement: entitlement,
    Bundle: bundle,
    Price: price,
    Meter: meter,
    Coupon: coupon,
    ApiKey: api_key,
    Clock: clock,
    Subscription: subscription,
    Invoice: invoice,
    Payment: payment,
    Usage: usage,
}


def resource(it: Aggregate, vault: Vault, data_keys: Mapping[str, bytes] = MappingProxyType({})) -> Resource:
    """Any aggregate that a command answers with. ``data_keys`` are those that the vault does not have."""
    return customer(it, vault, data_keys) if isinstance(it, Customer) else _RENDERERS[type(it)](it)


def tag(it: Aggregate) -> int | str:
    """What its ETag holds: the stream's version; a price's own version before it, since each is a stream of its own."""
    return f"{it.terms.price_version}-{it.version}" if isinstance(it, Price) else it.version


_PATHS: dict[type[Aggregate], Callable[[Any], str]] = {
    Tenant: lambda it: f"tenants/{it.tenant}",
    Storefront: lambda it: f"storefronts/{it.storefront}",
    Entitlement: lambda it: f"entitlements/{it.entitlement}",
    Bundle: lambda it: f"bundles/{it.bundle}",
    Price: lambda it: f"prices/{it.price}",
    Meter: lambda it: f"meters/{it.meter}",
    Coupon: lambda it: f"coupons/{it.coupon}",
    ApiKey: lambda it: f"api-keys/{it.api_key}",
    Clock: lambda it: f"test-clocks/{it.clock}",
    Customer: lambda it: f"customers/{it.id}",
    Subscription: lambda it: f"subscriptions/{it.id}",
    Invoice: lambda it: f"invoices/{it.id}",
    Payment: lambda it: f"payments/{it.id}",
    Usage: lambda it: f"usage?subscription={it.subscription}&meter={it.meter}",
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
