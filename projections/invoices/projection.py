"""Invoice events → the document's row, and a row for each payment applied to it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from domain.invoice import events
from projections import ignored
from projections.change import Change, Envelope, Insert, Projection, Table, Update

INVOICES = Projection(
    "invoices",
    tables=(
        Table("invoices", ("tenant", "id")),
        Table("invoice_payments", ("tenant", "invoice", "payment")),
        Table("invoice_credit_notes", ("tenant", "invoice", "number")),
    ),
    ignores=ignored.CATALOG | ignored.API_KEY | ignored.CUSTOMER | ignored.SUBSCRIPTION | ignored.PAYMENT | ignored.USAGE,
)


def _invoice(event: events.InvoiceIssued | events.InvoiceDrafted, envelope: Envelope, **columns: Any) -> Sequence[Change]:
    row = {
        "tenant": envelope.tenant,
        "id": envelope.stream,
        "customer": event.customer,
        "subscription": event.subscriptions[0] if len(event.subscriptions) == 1 else None,
        "subscriptions": list(event.subscriptions),
        "storefront": event.storefront,
        "currency": event.currency,
        "lines": _lines(event.lines),
        "total": event.total,
        "written_off": 0,
        "version": envelope.version,
    }
    return (Insert("invoices", row | columns),)


def _lines(lines: Sequence[events.Line]) -> list[dict[str, Any]]:
    return [line.model_dump(mode="json") for line in lines]


def _owed(event: events.InvoiceIssued | events.InvoiceFinalized) -> dict[str, Any]:
    return {
        "number": event.number,
        "status": "paid" if event.settled else "open",
        "credit_applied": event.credit_applied,
        "credited": event.credited,
        "open": event.open,
        "issued_at": event.issued_at,
        "due_at": event.due_at,
        "paid_at": event.issued_at if event.settled else None,
        "finalizes_at": None,
    }


def _update(envelope: Envelope, **values: Any) -> Change:
    return Update("invoices", {"tenant": envelope.tenant, "id": envelope.stream}, {**values, "version": envelope.version})


@INVOICES.on(events.InvoiceIssued)
def _issued(event: events.InvoiceIssued, envelope: Envelope) -> Sequence[Change]:
    return _invoice(event, envelope, created=event.issued_at, **_owed(event))


@INVOICES.on(events.InvoiceDrafted)
def _drafted(event: events.InvoiceDrafted, envelope: Envelope) -> Sequence[Change]:
    later = {"number": None, "issued_at": None, "due_at": None, "paid_at": None, "credit_applied": 0, "credited": 0, "open": 0}
    return _invoice(event, envelope, status="draft", created=event.drafted_at, finalizes_at=event.finalizes_at, **later)


@INVOICES.on(events.InvoiceLinesAdded)
def _lines_added(event: events.InvoiceLinesAdded, envelope: Envelope) -> Sequence[Change]:
    return (_update(envelope, lines=_lines(event.lines), total=event.total),)


@INVOICES.on(events.InvoiceFinalized)
def _finalized(event: events.InvoiceFinalized, envelope: Envelope) -> Sequence[Change]:
    return (_update(envelope, **_owed(event)),)


@INVOICES.on(events.InvoicePaymentApplied)
def _payment_applied(event: events.InvoicePaymentApplied, envelope: Envelope) -> Sequence[Change]:
    settled = _settled(event.settled, event.applied_at)
    return (_applied(event, event.applied_at, envelope), _update(envelope, open=event.open, **settled))


@INVOICES.on(events.InvoiceRecovered)
def _recovered(event: events.InvoiceRecovered, envelope: Envelope) -> Sequence[Change]:
    settled = _settled(event.settled, event.recovered_at)
    return (_applied(event, event.recovered_at, envelope), _update(envelope, written_off=event.written_off, **settled))


def _applied(event: events.InvoicePaymentApplied | events.InvoiceRecovered, at: datetime, envelope: Envelope) -> Change:
    applied = {
        "tenant": envelope.tenant,
        "invoice": envelope.stream,
        "payment": event.payment,
        "amount": event.amount,
        "applied_at": at,
        "invoice_version": envelope.version,
    }
    return Insert("invoice_payments", applied)


@INVOICES.on(events.InvoiceCreditNoted)
def _credit_noted(event: events.InvoiceCreditNoted, envelope: Envelope) -> Sequence[Change]:
    note = {
        "tenant": envelope.tenant,
        "invoice": envelope.stream,
        "number": event.number,
        "lines": [each.model_dump() for each in event.lines],
        "amount": event.amount,
        "to_account": event.to_account,
        "reason": event.reason,
        "issued_at": event.noted_at,
        "invoice_version": envelope.version,
    }
    # What was paid already stays paid when it was.
    settled = _settled(event.settled and event.to_account < event.amount, event.noted_at)
    return (Insert("invoice_credit_notes", note), _update(envelope, open=event.open, **settled))


def _settled(settled: bool, at: datetime) -> dict[str, Any]:
    return {"status": "paid", "paid_at": at} if settled else {}


@INVOICES.on(events.InvoiceVoided)
def _voided(_: events.InvoiceVoided, envelope: Envelope) -> Sequence[Change]:
    return (_update(envelope, status="void", open=0, finalizes_at=None),)


@INVOICES.on(events.InvoiceWrittenOff)
def _written_off(event: events.InvoiceWrittenOff, envelope: Envelope) -> Sequence[Change]:
    return (_update(envelope, status="uncollectible", open=0, written_off=event.amount),)
