"""Aggregates and parts in a plain state, for tests to start from."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

from domain.catalog.terms import FEE, Grant, Interval, Terms
from domain.customer.events import PaymentMethod
from domain.invoice.aggregate import Invoice
from domain.invoice.events import Line
from domain.money import Money
from domain.payment.aggregate import Payment
from domain.subscription.aggregate import Subscription
from domain.subscription.sale import BASE, Billing, Item

CUSTOMER = "cus_" + "0a1b2c3d" * 3 + "4e5f"
SUBSCRIPTION = "sub_" + "0a1b2c3d" + "1" * 20
INVOICE = "inv_" + "0a1b2c3d" + "2" * 20
PAYMENT = "pay_" + "0a1b2c3d" + "3" * 20
PREMIUM = Grant(entitlement="premium", kind="flag", value=True)
CARD = PaymentMethod(provider="simulator", token="tok_visa")
DAY = 86_400


def at(text: str) -> datetime:
    """An instant in UTC: ``2026-01-31`` or ``2026-01-31T10:30``."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


JAN_1 = at("2026-01-01")


def terms(**changes: Any) -> Terms:
    """10.00 EUR a month, no trial, runs until cancelled."""
    plain = {
        "bundle": "gold",
        "bundle_name": "Gold",
        "price": "gold-monthly",
        "price_version": 1,
        "amount": Money(amount=1000, currency="EUR"),
        "interval": Interval(unit="month"),
    }
    return Terms(**(plain | changes))


def subscription(*, started_at: datetime = JAN_1, timezone: str = "UTC", **changes: Any) -> Subscription:
    """Sold at ``started_at``; ``changes`` are of its terms."""
    return Subscription.start(
        SUBSCRIPTION,
        tenant="acme",
        customer=CUSTOMER,
        storefront="web",
        items=(Item(terms=terms(**changes), grants=(PREMIUM,)),),
        billing=Billing(),
        timezone=timezone,
        started_at=started_at,
        now=started_at,
    )


def line(amount: int) -> Line:
    return Line(
        kind="recurring",
        description="Gold",
        subscription=SUBSCRIPTION,
        item=BASE,
        charge=FEE,
        bundle="gold",
        price="gold-monthly",
        price_version=1,
        period_start=JAN_1,
        period_end=at("2026-02-01"),
        amount=amount,
    )


def invoice(*amounts: int) -> Invoice:
    """Issued on 1 January with a line for each amount."""
    return Invoice.issue(
        INVOICE,
        tenant="acme",
        customer=CUSTOMER,
        subscriptions=(SUBSCRIPTION,),
        storefront="web",
        ordinal=7,
        currency="EUR",
        lines=tuple(line(amount) for amount in amounts),
        credit=0,
        issued_at=JAN_1,
        due_at=JAN_1,
        now=JAN_1,
    )


def payment(*retry_after_s: int, amount: int = 1000, purpose: Literal["automatic", "manual"] = "automatic") -> Payment:
    """Asked for on 1 January, no attempt made yet."""
    return Payment.request(
        PAYMENT,
        tenant="acme",
        customer=CUSTOMER,
        subscription=SUBSCRIPTION,
        storefront="web",
        invoice=INVOICE,
        purpose=purpose,
        amount=Money(amount=amount, currency="EUR"),
        retry_after_s=retry_after_s,
        now=JAN_1,
    )
