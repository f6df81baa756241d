"""Payment events → one row a payment, and one for each attempt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from domain.payment import events
from projections import ignored
from projections.change import Change, Envelope, Insert, Projection, Table, Update

PAYMENTS = Projection(
    "payments",
    tables=(Table("payments", ("tenant", "id")), Table("payment_attempts", ("tenant", "payment", "attempt"))),
    ignores=ignored.CATALOG | ignored.API_KEY | ignored.CUSTOMER | ignored.SUBSCRIPTION | ignored.INVOICE | ignored.USAGE,
)


def _payment(event: events.PaymentRequested | events.PaymentRecorded, envelope: Envelope, **columns: Any) -> Change:
    row = {
        "tenant": envelope.tenant,
        "id": envelope.stream,
        "invoice": event.invoice,
        "customer": event.customer,
        "subscription": event.subscription,
        "storefront": event.storefront,
        "amount": event.amount.amount,
        "currency": event.amount.currency,
        "refunded": 0,
        "retry_at": None,
        "created": event.timestamp,
        "version": envelope.version,
    }
    return Insert("payments", row | columns)


def _update(envelope: Envelope, **values: Any) -> Change:
    key = {"tenant": envelope.tenant, "id": envelope.stream}
    return Update("payments", key, {**values, "version": envelope.version})


def _attempt(envelope: Envelope, attempt: int, **values: Any) -> Change:
    return Update("payment_attempts", {"tenant": envelope.tenant, "payment": envelope.stream, "attempt": attempt}, values)


@PAYMENTS.on(events.PaymentRequested)
def _requested(event: events.PaymentRequested, envelope: Envelope) -> Sequence[Change]:
    unpaid = {"applied": 0, "surplus": 0, "paid_at": None, "reference": None, "retry_at": event.attempt_at}
    return (_payment(event, envelope, purpose=event.purpose, state="waiting", **unpaid),)


@PAYMENTS.on(events.PaymentRecorded)
def _recorded(event: events.PaymentRecorded, envelope: Envelope) -> Sequence[Change]:
    paid = {"applied": event.applied, "surplus": event.surplus, "paid_at": event.paid_at, "reference": event.reference}
    return (_payment(event, envelope, purpose="recorded", state="recorded", **paid),)


@PAYMENTS.on(events.PaymentAttemptStarted)
def _attempt_started(event: events.PaymentAttemptStarted, envelope: Envelope) -> Sequence[Change]:
    row = {
        "tenant": envelope.tenant,
        "payment": envelope.stream,
        "attempt": event.attempt,
        "state": "pending",
        "started_at": event.timestamp,
        "settled_at": None,
        "provider": event.method.provider if event.method else None,
        "provider_reference": None,
        "code": None,
    }
    return (Insert("payment_attempts", row), _update(envelope, state="pending", retry_at=None))


@PAYMENTS.on(events.PaymentCaptured)
def _captured(event: events.PaymentCaptured, envelope: Envelope) -> Sequence[Change]:
    outcome = {"state": "captured", "settled_at": event.captured_at, "provider_reference": event.provider_reference}
    paid = {"state": "captured", "applied": event.applied, "surplus": event.surplus, "paid_at": event.captured_at}
    return (_attempt(envelope, event.attempt, **outcome), _update(envelope, **paid))


@PAYMENTS.on(events.PaymentAttemptFailed)
def _attempt_failed(event: events.PaymentAttemptFailed, envelope: Envelope) -> Sequence[Change]:
    outcome = {"state": "failed", "settled_at": event.timestamp, "code": event.code}
    state = "failed" if event.retry_at is None else "waiting"
    return (_attempt(envelope, event.attempt, **outcome), _update(envelope, state=state, retry_at=event.retry_at))


@PAYMENTS.on(events.PaymentAttemptUnknown)
def _attempt_unknown(event: events.PaymentAttemptUnknown, envelope: Envelope) -> Sequence[Change]:
    return (_attempt(envelope, event.attempt, state="unknown"), _update(envelope, state="unknown"))


@PAYMENTS.on(events.PaymentAbandoned)
def _abandoned(_: events.PaymentAbandoned, envelope: Envelope) -> Sequence[Change]:
    return (_update(envelope, state="abandoned", retry_at=None),)


@PAYMENTS.on(events.PaymentRefunded)
def _refunded(event: events.PaymentRefunded, envelope: Envelope) -> Sequence[Change]:
    return (_update(envelope, refunded=event.refunded),)
