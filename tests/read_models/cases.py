"""One case or more for each read model: events in, rows out."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from commands.subscription.transfer import handover
from domain.catalog.policy import DunningPolicy
from domain.catalog.terms import Terms
from domain.customer.events import PaymentMethod
from domain.money import Money
from domain.registry import encode
from domain.subscription.aggregate import Subscription
from domain.subscription.values import Transfer
from tests.read_models.case import Case
from tests.read_models.story import CLEAR, DAY, GRANTS, KEY_HASH, T0, TERMS, Life, tell_catalog, tell_plain_life

HOUR = timedelta(hours=1)
CARD = PaymentMethod(provider="simulator", token="ok")
NO_TRIAL = TERMS.model_copy(update={"trial_days": 0})


def catalog() -> Case:
    given = list(tell_catalog("acme"))
    common = {"tenant": "acme", "created": T0}
    return Case(
        "catalog: an item a row, changes replace, clocks advance",
        given,
        {
            "tenants": [{**common, "id": "acme", "name": "Acme", "version": 1}],
            "storefronts": [{**common, "id": "web", "name": "Web shop", "retry_after_s": [3600, 7200], "version": 2}],
            "entitlements": [{**common, "id": "hd", "kind": "flag", "name": "HD", "version": 1}],
            "bundles": [{**common, "id": "all", "storefront": "web", "grants": [grant.model_dump() for grant in GRANTS]}],
            "prices": [{**common, "id": "monthly", "price_version": 1, "amount": 1000, "currency": "EUR", "trial_days": 14}],
            "test_clocks": [{**common, "id": "clk_1", "now": T0 + 20 * DAY, "version": 2}],
            "api_keys": [
                {"id": "key_1", "secret_hash": KEY_HASH, "permissions": ["read", "write"], "revoked_at": None, "version": 1},
                {"id": "key_2", "secret_hash": "cd" * 32, "permissions": ["read", "write"], "revoked_at": T0 + DAY, "version": 2},
            ],
        },
    )


def customer() -> Case:
    life = Life("acme", "crm-1", "clk_1")
    registered = life.told(life.customer)
    life.customer.change(timezone="Europe/Berlin", personal=None, now=T0)
    life.customer.set_payment_method(None, T0)
    row = {
        "tenant": "acme", "id": life.id, "storefront": "web", "external_id": "crm-1", "timezone": "Europe/Berlin",
        "test_clock": "clk_1", "name": None, "email": None, "payment_provider": None, "payment_token": None, "created": T0,
        "version": 3,
    }  # fmt: skip
    return Case("customer: changes replace, removed data is null", [registered, life.told(life.customer)], {"customers": [row]})


def registered() -> Case:
    life = Life("acme", "crm-1", None)
    row = {**CLEAR, "phone": None, "address": None, "payment_provider": "simulator", "payment_token": "ok", "version": 1}
    return Case("customer: personal data in clear", [life.told(life.customer)], {"customers": [row]})


def suspended() -> Case:
    life = Life("acme", "crm-1", None)
    subscription = life.start(NO_TRIAL)
    invoice = life.bill(subscription, T0)
    subscription.enter_grace(invoice.id, T0)
    begun = life.told(subscription, invoice)
    subscription.suspend(invoice.id, DunningPolicy(), T0 + DAY)
    row = {
        "id": subscription.id, "customer": life.id, "state": "suspended", "access": False,
        "access_until": subscription.term_ends_at, "period_start": T0, "period_end": T0 + 31 * DAY, "cancel_at": None,
        "ended_at": None, "version": 4,
    }  # fmt: skip
    access = {"subscription": subscription.id, "starts_at": T0, "access": False, "ended": False}
    grants = [
        {"customer": life.id, "entitlement": "hd", "value": True, "bundle": "all", "subscription": subscription.id},
        {"customer": life.id, "entitlement": "seats", "value": 5, "bundle": "all", "subscription": subscription.id},
    ]
    rows = {"subscriptions": [row], "subscription_access": [access], "granted_entitlements": grants}
    return Case("subscription: suspended, its grants stay, its access goes", [begun, life.told(subscription)], rows)


def reinstated_and_cancelled() -> Case:
    life = Life("acme", "crm-1", None)
    subscription = life.start(NO_TRIAL)
    invoice = life.bill(subscription, T0)
    subscription.enter_grace(invoice.id, T0)
    subscription.suspend(invoice.id, DunningPolicy(), T0)
    subscription.reinstate(T0 + DAY)
    subscription.cancel_at_period_end(T0 + DAY)
    end = T0 + 31 * DAY
    scheduled = {"state": "active", "access": True, "access_until": end, "cancel_at": end, "ended_at": None}
    rows = {
        "subscriptions": [scheduled],
        "subscription_access": [{"access": True, "access_until": end, "ended": False}],
    }
    return Case("subscription: reinstated, cancellation scheduled", [life.told(subscription, invoice)], rows)


def transferred() -> Case:
    life, other = Life("acme", "crm-1", None), Life("acme", "crm-2", None)
    subscription = life.start(NO_TRIAL)
    to = Transfer(customer=other.id, subscription=other.ids.new("sub"), at=T0 + DAY)
    subscription.request_transfer(to, T0 + DAY)
    there = Subscription.take_over(handover(subscription, None), T0 + DAY)
    subscription.end_transferred(T0 + DAY)
    ended = {
        "id": subscription.id, "customer": life.id, "state": "cancelled", "transfer": to.model_dump(mode="json"),
        "transferred_from": None, "started_at": T0, "ended_at": T0 + DAY, "access": False,
    }  # fmt: skip
    begun = {
        "id": there.id, "customer": other.id, "state": "active", "transfer": None, "transferred_from": subscription.id,
        "started_at": T0 + DAY, "ended_at": None, "access": True,
    }  # fmt: skip
    access = [
        {"subscription": subscription.id, "starts_at": T0, "access": False, "access_until": T0 + DAY, "ended": True},
        {"subscription": there.id, "starts_at": T0 + DAY, "access": True, "access_until": there.term_ends_at, "ended": False},
    ]
    given = [life.told(subscription), other.told(there)]
    return Case("subscription: another customer has it", given, {"subscriptions": [ended, begun], "subscription_access": access})


def expired() -> Case:
    given = list(tell_plain_life(Life("acme", "crm-2", None)))
    end = T0 + 31 * DAY
    return Case(
        "a term runs out",
        given,
        {
            "subscriptions": [{"state": "expired", "access": False, "access_until": end, "ended_at": end}],
            "subscription_access": [{"access": False, "access_until": end, "ended": True}],
        },
    )


def paid_in_parts() -> Case:
    life = Life("acme", "crm-1", None)
    subscription = life.start(NO_TRIAL)
    invoice = life.bill(subscription, T0)
    issued = life.told(subscription, invoice)
    first = life.record(invoice, 300, T0 + HOUR)
    invoice.apply_payment(first.id, 300, T0 + HOUR, T0 + HOUR)
    second = life.record(invoice, 900, T0 + DAY)
    invoice.apply_payment(second.id, 700, T0 + DAY, T0 + DAY)
    document = {
        "id": invoice.id, "number": invoice.number, "customer": life.id, "subscription": subscription.id, "status": "paid",
        "currency": "EUR", "total": 1000, "open": 0, "issued_at": T0, "due_at": T0, "paid_at": T0 + DAY, "version": 3,
    }  # fmt: skip
    applied = [
        {"payment": first.id, "amount": 300, "applied_at": T0 + HOUR, "invoice_version": 2},
        {"payment": second.id, "amount": 700, "applied_at": T0 + DAY, "invoice_version": 3},
    ]
    recorded = [
        {"id": first.id, "state": "recorded", "amount": 300, "applied": 300, "surplus": 0, "paid_at": T0 + HOUR},
        {"id": second.id, "state": "recorded", "amount": 900, "applied": 700, "surplus": 200, "paid_at": T0 + DAY},
    ]
    rows: dict[str, Any] = {
        "invoices": [document],
        "invoice_payments": sorted(applied, key=lambda row: str(row["payment"])),
        "payments": sorted(recorded, key=lambda row: str(row["id"])),
        "balances": [{"tenant": "acme", "customer": life.id, "currency": "EUR", "surplus": 200, "credit": 0}],
    }
    return Case("invoice: paid by two payments, the rest is surplus", [issued, life.told(first, second, invoice)], rows)


def settled_at_issue() -> Case:
    life = Life("acme", "crm-1", None)
    # Not a copy: that would come with the charges of the amount that was.
    free = Terms.model_validate(NO_TRIAL.model_dump() | {"amount": {"amount": 0, "currency": "EUR"}})
    subscription = life.start(free)
    invoice = life.bill(subscription, T0)
    rows = {"invoices": [{"status": "paid", "total": 0, "open": 0, "paid_at": T0}], "invoice_payments": []}
    return Case("invoice: nothing to pay is paid at issue", [life.told(subscription, invoice)], rows)


def recovered() -> Case:
    life = Life("acme", "crm-1", None)
    subscription = life.start(NO_TRIAL)
    invoice = life.bill(subscription, T0)
    invoice.write_off("gone away", T0)
    given = life.told(subscription, invoice)
    payment = life.record(invoice, 400, T0 + DAY)
    invoice.apply_payment(payment.id, 400, T0 + DAY, T0 + DAY)
    rows: dict[str, Any] = {
        "invoices": [{"status": "uncollectible", "total": 1000, "open": 0, "written_off": 600, "paid_at": None, "version": 3}],
        "invoice_payments": [{"payment": payment.id, "amount": 400, "applied_at": T0 + DAY, "invoice_version": 3}],
    }
    return Case("invoice: written off, and paid in part after all", [given, life.told(payment, invoice)], rows)


def refunded() -> Case:
    life = Life("acme", "crm-1", None)
    subscription = life.start(NO_TRIAL)
    invoice = life.bill(subscription, T0)
    payment = life.record(invoice, 1200, T0)
    invoice.apply_payment(payment.id, 1000, T0, T0)
    surplus, back = (Money(amount=amount, currency="EUR") for amount in (200, 150))
    life.customer.give_credit(payment.id, surplus, T0)
    paid = life.told(subscription, invoice, payment, life.customer)
    payment.refund(back, "paid by mistake", None, T0)
    life.customer.refund_credit(payment.id, back, T0)
    rows: dict[str, Any] = {
        "payments": [{"id": payment.id, "state": "recorded", "amount": 1200, "surplus": 200, "refunded": 150, "version": 2}],
        "balances": [{"currency": "EUR", "surplus": 200, "credit": 50}],
    }
    return Case("payment: a part of it is paid back", [paid, life.told(payment, life.customer)], rows)


def attempts() -> Case:
    life = Life("acme", "crm-1", None)
    invoice = life.bill(life.start(NO_TRIAL), T0)
    payment = life.request(invoice, T0)
    payment.start_attempt(CARD, 1000, T0)
    payment.fail("refused", T0)
    asked = life.told(payment)
    payment.start_attempt(CARD, 1000, T0 + HOUR)
    payment.lose_track(T0 + HOUR)
    payment.capture("ch_1", 1000, 1000, 0, T0 + 2 * HOUR)
    row = {
        "id": payment.id, "invoice": invoice.id, "purpose": "automatic", "state": "captured", "applied": 1000, "surplus": 0,
        "retry_at": None, "paid_at": T0 + 2 * HOUR, "version": 6,
    }  # fmt: skip
    tries = [
        {"attempt": 1, "state": "failed", "code": "refused", "provider_reference": None, "settled_at": T0},
        {"attempt": 2, "state": "captured", "code": None, "provider_reference": "ch_1", "settled_at": T0 + 2 * HOUR},
    ]
    rows = {"payments": [row], "payment_attempts": tries, "balances": []}
    return Case("payment: refused, lost, captured", [asked, life.told(payment)], rows)


def history() -> Case:
    life = Life("acme", "crm-1", None)
    registered = life.told(life.customer)
    row = {
        "tenant": "acme", "stream": life.id, "version": 1, "type": "customer.registered.v1", "customer": life.id, "sequence": 1,
        "recorded_at": T0, "value": encode(registered.events[0]).decode(),
    }  # fmt: skip
    return Case("history: an event as it was recorded", [registered], {"history": [row]})


CASES = (
    catalog(), customer(), registered(), suspended(), reinstated_and_cancelled(), transferred(), expired(), paid_in_parts(),
    settled_at_issue(), recovered(), refunded(), attempts(), history(),
)  # fmt: skip
