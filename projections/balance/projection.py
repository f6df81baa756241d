"""Payments → Σ surplus, and what the account was given less what invoices used; a row for each customer and currency."""

from __future__ import annotations

from collections.abc import Sequence

from domain.customer import events as customer
from domain.payment import events
from projections import ignored
from projections.change import Add, Change, Envelope, Projection, Table

BALANCE = Projection(
    "balance",
    tables=(Table("balances", ("tenant", "customer", "currency")),),
    ignores=ignored.CATALOG
    | ignored.API_KEY
    | ignored.SUBSCRIPTION
    | ignored.INVOICE
    | ignored.USAGE
    | {
        events.PaymentRequested,
        events.PaymentAttemptStarted,
        events.PaymentAttemptFailed,
        events.PaymentAttemptUnknown,
        events.PaymentAbandoned,
        events.PaymentRefunded,
        customer.CustomerRegistered,
        customer.CustomerChanged,
        customer.CustomerPaymentMethodSet,
        customer.CustomerBillingSet,
    },
)


@BALANCE.on(events.PaymentCaptured)
def _captured(event: events.PaymentCaptured, envelope: Envelope) -> Sequence[Change]:
    return _surplus(event, envelope)


@BALANCE.on(events.PaymentRecorded)
def _recorded(event: events.PaymentRecorded, envelope: Envelope) -> Sequence[Change]:
    return _surplus(event, envelope)


def _surplus(event: events.PaymentCaptured | events.PaymentRecorded, envelope: Envelope) -> Sequence[Change]:
    return _add(envelope, event.amount.currency, surplus=event.surplus) if event.surplus else ()


@BALANCE.on(customer.CustomerCredited)
def _credited(event: customer.CustomerCredited, envelope: Envelope) -> Sequence[Change]:
    return _add(envelope, event.amount.currency, credit=event.amount.amount)


@BALANCE.on(customer.CustomerCreditApplied)
def _credit_applied(event: customer.CustomerCreditApplied, envelope: Envelope) -> Sequence[Change]:
    return _add(envelope, event.amount.currency, credit=-event.amount.amount)


@BALANCE.on(customer.CustomerCreditRefunded)
def _credit_refunded(event: customer.CustomerCreditRefunded, envelope: Envelope) -> Sequence[Change]:
    return _add(envelope, event.amount.currency, credit=-event.amount.amount)


def _add(envelope: Envelope, currency: str, **amounts: int) -> Sequence[Change]:
    key = {"tenant": envelope.tenant, "customer": envelope.customer, "currency": currency}
    return (Add("balances", key, {"surplus": 0, "credit": 0, **amounts}),)
