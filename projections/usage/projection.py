"""Usage events → one row a record."""

from __future__ import annotations

from collections.abc import Sequence

from domain.usage import events
from projections import ignored
from projections.change import Change, Envelope, Insert, Projection, Table

USAGE = Projection(
    "usage",
    tables=(Table("usage_records", ("tenant", "usage", "version")),),
    ignores=ignored.CATALOG
    | ignored.API_KEY
    | ignored.CUSTOMER
    | ignored.SUBSCRIPTION
    | ignored.INVOICE
    | ignored.PAYMENT
    | {events.UsageOpened},
)


@USAGE.on(events.UsageRecorded)
def _recorded(event: events.UsageRecorded, envelope: Envelope) -> Sequence[Change]:
    row = {
        "tenant": envelope.tenant,
        "usage": envelope.stream,
        "customer": envelope.customer,
        "subscription": event.subscription,
        "meter": event.meter,
        "at": event.at,
        "quantity": None if event.quantity is None else f"{event.quantity:f}",
        "value": event.value,
        "source": event.source,
        "record": event.record,
        "created": event.timestamp,
        "version": envelope.version,
    }
    return (Insert("usage_records", row),)
