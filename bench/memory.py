"""Memory of the command node: what customers take, and whether it grows under a load that leaves nothing more to keep."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Annotated

import typer

from bench.harness.command import Json, LogName, addresses, main, workspace
from bench.harness.deployment import deployed
from bench.harness.load import Request, load
from bench.harness.result import Line, Result, show, told
from bench.harness.shop import TRIAL, Command, open_shop, send_all
from bench.harness.usage import memory_sampled, rss_mib
from bench.harness.watching import await_quiet, watched

_PER = 100_000
_METHOD = '{"payment_method":{"provider":"simulator","token":"sim_ok"}}'
NOTES = (
    "A customer here has a payment method, and no personal data; a subscription is a trial.",
    "The load of the long run sets customers' payment methods anew, 64 connections: each command appends an event and leaves the"
    " process with nothing more to remember. The growth is the median of the run's last tenth less that of its second tenth.",
)


def memory(
    customers: int = _PER,
    minutes: Annotated[float, typer.Option("--minutes", help="Length of the long run.")] = 2.0,
    log: LogName = LogName.KAFKA,
    json: Json = False,
) -> None:
    """Resident memory of the command node by customers, and over a long run."""
    with workspace() as folder, addresses(folder, log) as found:
        lines, samples = _on_log(log, found[log], folder / log, customers, minutes)
    points = [
        {"minutes": round(minutes * number / len(samples), 3), "mib": round(each, 1)} for number, each in enumerate(samples)
    ]
    show(Result("memory", "Memory of the command node", lines, NOTES, points), json)


def _on_log(
    name: LogName, bootstrap: str | None, folder: Path, customers: int, minutes: float
) -> tuple[list[Line], Sequence[float]]:
    """The lines, and what was resident during the long run."""
    with deployed(folder, bootstrap) as ledger, watched(ledger) as log:
        process = ledger.commands.process
        empty = rss_mib(process)
        told(f"{name}: {customers:,} customers")
        shop = open_shop(ledger, customers)
        await_quiet(log)
        registered = rss_mib(process)
        told(f"{name}: a subscription for each")
        send_all(ledger, shop.key, [_trial(customer) for customer in shop.customers])
        await_quiet(log)
        subscribed = rss_mib(process)
        told(f"{name}: {minutes:g} minutes")
        request = Request("POST", "/v1/customers/{}/payment-method", shop.key, shop.customers_file(folder), _METHOD)
        with memory_sampled(process) as samples:
            done = load(ledger.commands.url, request, 60 * minutes)
    return [
        Line(f"{name}: at rest, with nothing in the log", empty, "MiB"),
        Line(f"{name}: {_PER:,} customers", (registered - empty) * _PER / customers, "MiB"),
        Line(f"{name}: {_PER:,} subscriptions of theirs", (subscribed - registered) * _PER / customers, "MiB"),
        Line(f"{name}: the most during the long run", max(samples), "MiB"),
        Line(f"{name}: growth over {minutes:g} minutes, {done.answered:,} commands", _growth(samples), "MiB"),
    ], samples


def _trial(customer: str) -> Command:
    return Command("/v1/subscriptions", {"customer": customer, "price": TRIAL}, f"start-{customer}")


def _growth(samples: Sequence[float]) -> float:
    """From the second tenth, by when all customers have been asked for, to the last."""
    tenth = max(1, len(samples) // 10)
    return median(samples[-tenth:]) - median(samples[tenth : 2 * tenth] or samples)


if __name__ == "__main__":
    main(memory)
