"""The committed past of a partition, as its index holds it; and what the index keeps of an aggregate."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from commands.ports import Past, Remembered, Timers
from commands.shard import open_parent
from domain.customer.aggregate import Customer
from domain.event import Aggregate
from domain.invoice.aggregate import Invoice
from domain.payment.aggregate import Payment
from domain.registry import UnknownEvent, decode, refuse_unknown
from domain.subscription.aggregate import Subscription
from infra.eventlog.derived import Derived, StoredRow
from infra.eventlog.index import Index, IndexUnusable
from infra.eventlog.index_queries import IndexQueries
from infra.eventlog.log import Log
from infra.eventlog.rebuild import open_index

# Open effects.
CHARGE, TRANSFER = "charge", "transfer"


def clock_name(tenant: str, clock: str | None) -> str:
    """How an index names a test clock: ids are unique in a tenant only. Empty for none."""
    return f"{tenant}/{clock}" if clock else ""


def fold(rows: Iterable[StoredRow]) -> Aggregate | None:
    """The aggregate of a stream's events, oldest first."""
    aggregate: Aggregate | None = None
    for row in rows:
        aggregate = decode(row.stream, row.version, row.type, row.value).mutate(aggregate)
    return aggregate


def derived_of(aggregate: Aggregate) -> Derived:
    """What the index keeps beside an aggregate's events."""
    parent = open_parent(aggregate)
    return Derived(
        timers=aggregate.timers(),
        effect=_effect(aggregate),
        parent=parent or "",
        open=parent is not None,
        clock=clock_name(aggregate.tenant, aggregate.clock) if isinstance(aggregate, Customer) else "",
        ordinal=aggregate.ordinal if isinstance(aggregate, Invoice) else 0,
    )


def _effect(aggregate: Aggregate) -> str | None:
    if isinstance(aggregate, Payment) and aggregate.state == "pending":
        return CHARGE
    return TRANSFER if isinstance(aggregate, Subscription) and aggregate.transferring else None


def derive(rows: Sequence[StoredRow]) -> Derived:
    """The same, from the stream's events, when an index is caught up."""
    aggregate = fold(rows)
    assert aggregate is not None
    return derived_of(aggregate)


def open_known(log: Log, folder: Path, partition: str) -> Index:
    """The index of a partition in a node's folder. Raises IndexUnusable, also where a newer release wrote some of its events."""
    index = open_index(log, folder, partition)
    try:
        refuse_unknown(index.types())
    except UnknownEvent as error:
        index.queries.close()
        index.close()
        raise IndexUnusable(f"{index.path}: {error}") from error
    return index


class IndexStreams:
    """The port `commands.ports.Streams` over one partition's index."""

    def __init__(self, queries: IndexQueries) -> None:
        self._queries = queries

    def load(self, stream: str, version: int | None = None) -> Aggregate | None:
        return fold(self._queries.stream_events(stream, lte=version))

    def remembered(self, key: str, command_id: str) -> Remembered | None:
        found = self._queries.command(key, command_id)
        return Remembered(found.fingerprint, found.stream, found.version, found.sequence, found.hash) if found else None

    def past(self, key: str) -> Past:
        timers: dict[str, Timers] = {}
        for timer in self._queries.timers_of(key):
            timers[timer.stream] = (*timers.get(timer.stream, ()), (timer.kind, timer.due))
        streams = self._queries.streams_of(key)
        return Past(
            commands=self._queries.command_ids(key),
            open={row.stream: row.parent for row in streams if row.open},
            timers=timers,
            invoices=max((row.ordinal for row in streams), default=0),
        )
