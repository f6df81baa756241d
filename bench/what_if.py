"""A what-if on a copy of a history: a telecom company's subscribers with all their past, and the year ahead, once as they are and
once with every monthly contract changed to a yearly one at the end of its period, for twelve times as much.

The history is imported once, into a ledger in a folder; each future is lived on a copy of that folder.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Awaitable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvloop

from bench.harness.command import Json, main, workspace
from bench.harness.load import LoadFailed
from bench.harness.result import Line, Result, show, told
from bench.importing import MAPPING, REAL, REAL_ROWS, File, made_up
from domain.pricing.calendar import add
from domain.subscription.aggregate import Subscription
from infra.bootstrap import open_log
from infra.importing.importer import run_import
from infra.importing.mapping import load_mapping
from infra.ledger_batches import LedgerBatches
from infra.ledger_client import LedgerClient
from infra.simulate.history import History
from infra.simulate.ledger import opened, sandbox
from infra.simulate.months import Month, Months

AS_OF = datetime(2026, 1, 1, tzinfo=UTC)
MONTHS = 12
_METHOD = {"payment_method": {"provider": "simulator", "token": "sim_ok"}}


@dataclass(frozen=True, slots=True)
class Future:
    """The ``months`` ahead, and the ``events`` that they took so many ``seconds`` to write."""

    months: list[Month]
    events: int
    seconds: float


def what_if(file: File = REAL, json: Json = False) -> None:
    """What is invoiced in the year ahead, month by month, with monthly and with yearly contracts."""
    with workspace() as folder:
        source = file if file.exists() else made_up(folder, REAL_ROWS)
        told(f"importing {source.name}")
        history = folder / "history"
        uvloop.run(_import(history, source))
        monthly, yearly = (_lived(history, folder / name, name == "yearly") for name in ("monthly", "yearly"))
    notes = [
        f"The file: {file.name}." if file.exists() else f"A made-up file of {REAL_ROWS:,} rows.",
        "Of what is invoiced, the figure is with yearly contracts and the ceiling with monthly ones. Everybody pays.",
        "Events are those of twelve months on a test clock, in one process with the client: renewals, invoices, charges, and the"
        " changes of the yearly ones.",
    ]
    show(Result("what_if", "Monthly contracts changed to yearly ones", list(_lines(monthly, yearly)), notes), json)


def _lines(monthly: Future, yearly: Future) -> Iterator[Line]:
    for name, future in (("monthly", monthly), ("yearly", yearly)):
        yield Line(f"{name}: events, {future.events:,} in all", future.events / future.seconds, "events/s")
    for before, after in zip(monthly.months, yearly.months, strict=True):
        figures = (month.flows.invoiced / 100 for month in (after, before))
        yield Line(f"invoiced in {after.begins:%B %Y}", next(figures), after.currency, next(figures))
    totals = [sum(month.flows.invoiced for month in future.months) / 100 for future in (yearly, monthly)]
    yield Line("invoiced in all", totals[0], "USD", totals[1])


async def _import(folder: Path, file: Path) -> None:
    """The history, and a payment method for everybody who has not left."""
    settings = sandbox(folder)
    async with opened(settings) as client:
        report = await run_import(client, file, MAPPING, as_of=AS_OF, bill_history=True, progress=lambda *_: None)
        if not report.complete:
            raise LoadFailed("the import is not complete")
        with open_log(settings, must_exist=True) as log:
            months = await asyncio.to_thread(_past, History(log))  # the node in this process has to go on
        async with LedgerBatches(client) as batches:
            await _all(
                batches.post(f"/v1/customers/{customer}/payment-method", _METHOD, f"method/{customer}")
                for customer in {each.customer for each in months.running.values()}
            )


def _past(history: History) -> Months:
    """All that was so far; what comes next counts to the first month ahead."""
    months = Months()
    months.read(history)
    months.close(AS_OF)
    return months


def _lived(history: Path, folder: Path, yearly: bool) -> Future:
    """The year ahead, on a copy of the history."""
    told(f"the year ahead, {folder.name}")
    shutil.copytree(history, folder)
    return uvloop.run(_live(folder, yearly))


async def _live(folder: Path, yearly: bool) -> Future:
    settings, rows = sandbox(folder), list[Month]()
    async with opened(settings) as client:
        with open_log(settings, must_exist=True) as log:
            history = History(log)
            months = await asyncio.to_thread(_past, history)
            subscriptions = list(months.running.values()) if yearly else []
            position = await _publish(client, subscriptions)
            before, begun = history.events, time.monotonic()
            await _change(client, subscriptions, position)
            for month in range(MONTHS):
                body = {"now": add(AS_OF, "UTC", "month", month + 1).isoformat()}
                await client.post(f"/v1/test-clocks/{load_mapping(MAPPING).test_clock}/advance", body, f"advance/{month}")
                await asyncio.to_thread(months.read, history)
                rows += months.close(add(AS_OF, "UTC", "month", month))
            return Future(rows, history.events - before, time.monotonic() - begun)


async def _publish(client: LedgerClient, subscriptions: list[Subscription]) -> str:
    """A yearly price for each that is paid by the month; gives the position at which all are there."""
    position = ""
    for terms in {each.terms.price: each.terms for each in subscriptions}.values():
        a_year = {"amount": 12 * terms.amount.amount, "currency": terms.amount.currency}
        body = {"id": f"{terms.price}-yearly", "bundle": terms.bundle, "amount": a_year, "interval": {"unit": "year"}}
        position = (await client.post("/v1/prices", body, f"price/{terms.price}")).position
    return position


async def _change(client: LedgerClient, subscriptions: list[Subscription], position: str) -> None:
    """Sell each by the year from the end of its period on."""
    async with LedgerBatches(client) as batches:
        await _all(
            batches.post(
                f"/v1/subscriptions/{each.id}/change",
                {"price": f"{each.terms.price}-yearly", "at": "period_end"},
                f"change/{each.id}",
                if_match="*",
                min_position=position,
            )
            for each in subscriptions
        )


async def _all(commands: Iterator[Awaitable[Any]]) -> None:
    await asyncio.gather(*commands)


if __name__ == "__main__":
    main(what_if)
