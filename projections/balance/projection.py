"""Captured and recorded payments → Σ surplus, a row for each customer and currency."""

from __future__ import annotations

from collections.abc import Sequence

from domain.payment import events
from projections import ignored
from projections.change import Add, Change, Envelope, Projection, Table

BALANCE = Projection(
    "balance",
    tables=(Table("balances", ("tenant", "customer", "currency")),),
    ignores=ignored.CATALOG
    | ignored.API_KEY
    | ignored.CUSTOMER
    | ignored.SUBSCRIPTION
    | ignored.INVOICE
    | {
        events.PaymentRequested,
        events.PaymentAttemptStarted,
        events.PaymentAttemptFailed,
        events.PaymentAttemptUnknown,
        events.PaymentAbandoned,
    },
)


@BALANCE.on(events.PaymentCaptured)
def _captured(event: events.PaymentCaptured, envelope: Envelope) -> Sequence[Change]:
    return _surplus(event, envelope)


@BALANCE.on(events.PaymentRecorded)
def _recorded(event: events.PaymentRecorded, envelope: Envelope) -> Sequence[Change]:
    return _surplus(event, envelope)


def _surplus(event: events.PaymentCaptured | events.PaymentRecorded, envelope: Envelope) -> Sequence[Change]:
    if not event.surplus:
        return ()
    key = {"tenant": envelope.tenant, "customer": envelope.customer, "currency": event.amount.currency}
    return (Add("balances", key, {"surplus": event.surplus}),)
