"""Invoice events → the document's row, and a row for each payment applied to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from domain.invoice import events
from projections import ignored
from projections.change import Change, Envelope, Insert, Projection, Table, Update

INVOICES = Projection(
    "invoices",
    tables=(Table("invoices", ("tenant", "id")), Table("invoice_payments", ("tenant", "invoice", "payment"))),
    ignores=ignored.CATALOG | ignored.API_KEY | ignored.CUSTOMER | ignored.SUBSCRIPTION | ignored.PAYMENT,
)


@INVOICES.on(events.InvoiceIssued)
def _issued(event: events.InvoiceIssued, envelope: Envelope) -> Sequence[Change]:
    row: dict[str, Any] = {
        "tenant": envelope.tenant,
        "id": envelope.stream,
        "number": event.number,
        "customer": event.customer,
        "subscription": event.subscription,
        "storefront": event.storefront,
        "status": "paid" if event.settled else "open",
        "currency": event.currency,
        "lines": [line.model_dump(mode="json") for line in event.lines],
        "total": event.total,
        "open": event.open,
        "issued_at": event.issued_at,
        "due_at": event.due_at,
        "paid_at": event.issued_at if event.settled else None,
        "version": envelope.version,
    }
    return (Insert("invoices", row),)


@INVOICES.on(events.InvoicePaymentApplied)
def _payment_applied(event: events.InvoicePaymentApplied, envelope: Envelope) -> Sequence[Change]:
    applied = {
        "tenant": envelope.tenant,
        "invoice": envelope.stream,
        "payment": event.payment,
        "amount": event.amount,
        "applied_at": event.applied_at,
        "invoice_version": envelope.version,
    }
    values: dict[str, Any] = {"open": event.open, "version": envelope.version}
    if event.settled:
        values |= {"status": "paid", "paid_at": event.applied_at}
    key = {"tenant": envelope.tenant, "id": envelope.stream}
    return (Insert("invoice_payments", applied), Update("invoices", key, values))
