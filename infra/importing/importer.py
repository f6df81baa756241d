"""The import itself: catalog, prices, then the rows, many at once, each by two or three commands under keys of its own.

A run that was stopped anywhere is completed by the next one: what was done is answered again by the ledger, and nothing is done
twice. Rows are known by the mapping's name and their external id.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from infra.importing.catalog import Catalog, distinct, key
from infra.importing.errors import ImportFailed
from infra.importing.mapping import ImportMapping, load_mapping
from infra.importing.report import ImportReport, Totals, compare, write_refused
from infra.importing.rows import RefusedRow, Row, read_rows
from infra.importing.table import read_table
from infra.ledger_batches import LedgerBatches
from infra.ledger_client import LedgerClient, LedgerUnreachable, Refused, Reply

# Rows under way, each by one command after the other: enough to fill the batches.
ROWS = 500
Item = TypeVar("Item")
Progress = Callable[[int, int], None]
"""Told (done, of how many) steps: one for each distinct price and each row."""

_STOPS = (ImportFailed, LedgerUnreachable, Refused)
# Not the row's fault: the next one would meet it too.
_STOPPING_STATUS = frozenset({401, 403})
_STOPPING_CODES = frozenset({"backdating-not-permitted", "date-in-future"})


async def run_import(
    client: LedgerClient, csv_path: Path, mapping_path: Path, *, as_of: datetime, bill_history: bool, progress: Progress
) -> ImportReport:
    """Import a file. ``bill_history``: each subscription starts in the past and is billed and settled up to ``as_of``; else it
    starts at ``as_of``, and who has cancelled gets none.

    Refused rows are written beside the file. The client's key needs the permissions write and backdate, and read where there is a
    test clock. Raises ImportFailed.
    """
    if as_of.tzinfo is None:
        raise ImportFailed(f"{as_of.isoformat()} needs a time zone: 2026-01-01T00:00Z")
    begun, as_of = time.monotonic(), as_of.astimezone(UTC)
    mapping = load_mapping(mapping_path)
    table = read_table(csv_path, mapping.names())
    rows, unread = read_rows(table, mapping, as_of)
    try:
        async with LedgerBatches(client) as batches:
            work = _Import(client, batches, mapping, as_of, bill_history, progress)
            await work.run(rows)
    except _STOPS as error:
        raise _stopped(error) from error
    refused = sorted([*unread, *work.refused], key=lambda one: one.line.number)
    write_refused(csv_path, table.header, refused)
    return ImportReport(
        rows=len(table.lines),
        refused=tuple(refused),
        expected=_expected(rows, bill_history),
        ledger=work.totals,
        comparisons=compare(mapping.columns.compare_total, rows, work.totals.billed) if bill_history else (),
        commands=work.commands,
        replayed=work.replayed,
        seconds=time.monotonic() - begun,
    )


def _stopped(error: Exception) -> ImportFailed:
    return ImportFailed(f"the import stopped ({error}); what was done stays, run it again to go on")


def _expected(rows: Sequence[Row], bill_history: bool) -> Totals:
    """The control total that the file gives."""
    started = [row for row in rows if bill_history or not row.cancelled]
    billed: Counter[str] = Counter()
    for row in started:
        billed[row.price.currency] += row.price.amount * (row.periods if bill_history else 1)
    return Totals(
        customers=len(rows),
        subscriptions=len(started),
        cancelled=sum(row.cancelled for row in started),
        invoices=sum(row.periods if bill_history else 1 for row in started),
        billed=billed,
    )


class _Import:
    def __init__(
        self,
        client: LedgerClient,
        batches: LedgerBatches,
        mapping: ImportMapping,
        as_of: datetime,
        bill_history: bool,
        progress: Progress,
    ) -> None:
        self.totals = Totals()
        self.refused: list[RefusedRow] = []
        self.commands = 0
        self.replayed = 0
        self._batches = batches
        self._mapping = mapping
        self._as_of = as_of
        self._bill_history = bill_history
        self._progress = progress
        self._done = self._total = 0
        self._catalog = Catalog(client, batches, mapping)

    async def run(self, rows: Sequence[Row]) -> None:
        """Raises one of _STOPS where all rows would meet the same."""
        prices = distinct(row.price for row in rows)
        self._total = len(prices) + len(rows)
        self._progress(0, self._total)
        await self._catalog.ensure_items(self._as_of)
        await self._each(prices, self._catalog.ensure_price)
        await self._each(rows, self._row)

    async def _each(self, items: Iterable[Item], do: Callable[[Item], Awaitable[None]]) -> None:
        """All items, some at once; the first error ends it."""
        waiting = iter(items)

        async def worker() -> None:
            for item in waiting:
                await do(item)
                self._done += 1
                self._progress(self._done, self._total)

        try:
            async with asyncio.TaskGroup() as workers:
                for _ in range(ROWS):
                    workers.create_task(worker())
        except ExceptionGroup as met:
            # Several workers may have met the same before they could be stopped: one line tells it. A defect is never hidden.
            if met.split(_STOPS)[1] is None:
                raise met.exceptions[0] from None
            raise

    async def _row(self, row: Row) -> None:
        try:
            customer = await self._register(row)
            self.totals.customers += 1
            if row.cancelled and not self._bill_history:
                return
            subscription = await self._start(row, customer)
            self._count(subscription)
            if row.cancelled:
                await self._post(row, "cancel", f"/v1/subscriptions/{subscription['id']}/cancel", {"at": "now"})
                self.totals.cancelled += 1
        except Refused as refused:
            if refused.status in _STOPPING_STATUS or refused.code in _STOPPING_CODES:
                raise
            self.refused.append(RefusedRow(row.line, str(refused)))

    async def _register(self, row: Row) -> str:
        body: dict[str, Any] = {
            "storefront": self._mapping.storefront.id,
            "external_id": row.external_id,
            "timezone": self._mapping.storefront.timezone,
        }
        if row.personal:
            body["personal"] = row.personal
        if self._mapping.test_clock is not None:
            body["test_clock"] = self._mapping.test_clock
        reply = await self._post(row, "customer", "/v1/customers", body)
        return str(reply.body["id"])

    async def _start(self, row: Row, customer: str) -> dict[str, Any]:
        body = {
            "customer": customer,
            "price": self._mapping.price_id(row.price.amount, row.price.currency),
            "bundle": self._mapping.bundle.id,
            "currency": row.price.currency,
            "start_at": row.start_at.isoformat() if self._bill_history else self._as_of.isoformat(),
        }
        if self._bill_history:
            body["history_until"] = self._as_of.isoformat()
        reply = await self._post(row, "subscription", "/v1/subscriptions", body)
        return dict(reply.body)

    def _count(self, subscription: dict[str, Any]) -> None:
        """What the ledger says it billed. With history each version after the first is a period billed."""
        invoices = subscription["version"] - 1 if self._bill_history else int(subscription["current_period"] is not None)
        amount = subscription["amount"]
        self.totals.subscriptions += 1
        self.totals.invoices += invoices
        self.totals.billed[amount["currency"]] += invoices * amount["amount"]

    async def _post(self, row: Row, step: str, path: str, body: dict[str, Any]) -> Reply:
        reply = await self._batches.post(
            path, body, key(self._mapping.name, row.external_id, step), min_position=self._catalog.position
        )
        self.commands += 1
        self.replayed += reply.replayed
        return reply
