"""A recurring run: many subscriptions due at one instant on the wall clock, each renewed, invoiced, captured and settled, while
single commands go on.

They are started beforehand as subscriptions that come from elsewhere: a month before the instant, that month billed and settled.
So all of them have their next period begin at the instant, by nothing but the public API.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from bench.commands import start
from bench.harness.command import Json, LogName, main, on_each_log
from bench.harness.deployment import Deployment, deployed
from bench.harness.load import Load, LoadFailed, Request, load
from bench.harness.result import Line, Result, Target, show, told
from bench.harness.shop import PAID, TRIAL, Command, open_shop, send_all
from bench.harness.usage import cpu_s, rss_mib
from bench.harness.watching import Tail, await_quiet, watched
from domain.pricing.calendar import add

INVOICES_PER_SECOND = 1500
P95_MS = 250.0
SINGLE_PER_SECOND = 20
_CONNECTIONS = 4
_ROUND_S = 5.0
# So many, or one in twenty, are started beforehand to know how long all will take. The instant leaves twice as long.
_SAMPLE = 500
_MARGIN, _MARGIN_S = 2.0, 5.0
_LIMIT_S = 900.0
_SETTLED = "invoice.payment_applied.v1"
_EVENTS = 6  # of a renewal: billed, issued, requested, attempted, captured, applied


def recurring(subscriptions: int = 100_000, log: LogName = LogName.KAFKA, json: Json = False) -> None:
    """Subscriptions that fall due at one instant, until all are settled."""
    lines = on_each_log(log, partial(_on_log, subscriptions=subscriptions))
    notes = [
        f"{subscriptions:,} subscriptions, each of a customer of its own, whose month ends at one instant of the wall clock.",
        "From that instant until the last of them is settled, by the events' own times: the period, the invoice, the payment's"
        " attempt, its capture by the in-process simulator, the invoice's settlement.",
        f"Meanwhile {SINGLE_PER_SECOND} trials a second are started over {_CONNECTIONS} connections; the worst {_ROUND_S:.0f} s"
        " count.",
        "The command process, the broker and the load share the machine; nothing reads along.",
    ]
    show(Result("recurring", "Recurring run", lines, notes), json)


def _on_log(name: LogName, bootstrap: str | None, folder: Path, subscriptions: int) -> Iterator[Line]:
    with deployed(folder, bootstrap) as ledger, watched(ledger) as log:
        instant = _set_up(ledger, subscriptions)
        others = open_shop(ledger, 100, "others")
        await_quiet(log)
        told(f"{name}: {subscriptions:,} subscriptions are due at {instant:%H:%M:%S}")
        tail, used = Tail(log), cpu_s(ledger.commands.process)
        time.sleep(max(0.0, (instant - datetime.now(UTC)).total_seconds()))
        told(f"{name}: due")
        settled, singles = _follow(tail, start(others, TRIAL, folder), ledger, subscriptions)
        used = cpu_s(ledger.commands.process) - used
        memory = rss_mib(ledger.commands.process)
        tail.close()
    seconds = (settled - instant).total_seconds()
    rate = Target("figure", "≥", INVOICES_PER_SECOND)
    yield Line(f"{name}: renewed, invoiced, captured, settled", subscriptions / seconds, "invoices/s", target=rate)
    yield Line(f"{name}: from the instant to the last settlement", seconds, "s")
    yield Line(f"{name}: single commands meanwhile, p50", max(each.p50_ms for each in singles), "ms")
    p95 = max(each.p95_ms for each in singles)
    yield Line(f"{name}: single commands meanwhile, p95", p95, "ms", target=Target("figure", "<", P95_MS))
    yield Line(f"{name}: processor time of the command node", 1000 * used / subscriptions, "ms an invoice")
    yield Line(f"{name}: memory of the command node at the end", memory, "MiB")


def _set_up(ledger: Deployment, subscriptions: int) -> datetime:
    """The instant that so many subscriptions are due at. Raises LoadFailed where the instant came before all were started."""
    told(f"{subscriptions:,} customers")
    sample = max(min(_SAMPLE, subscriptions), subscriptions // 20)
    shop = open_shop(ledger, subscriptions + sample)
    begun = time.monotonic()
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    send_all(ledger, shop.key, [_from_elsewhere(customer, tomorrow) for customer in shop.customers[:sample]])
    expected_s = (time.monotonic() - begun) * subscriptions / sample
    instant = (datetime.now(UTC) + timedelta(seconds=_MARGIN * expected_s + _MARGIN_S)).replace(microsecond=0)
    told(f"their subscriptions, due at {instant:%H:%M:%S}")
    send_all(ledger, shop.key, [_from_elsewhere(customer, instant) for customer in shop.customers[sample:]])
    if datetime.now(UTC) >= instant:
        raise LoadFailed("the subscriptions fell due before all of them were started")
    return instant


def _from_elsewhere(customer: str, due: datetime) -> Command:
    body = {
        "customer": customer,
        "price": PAID,
        "start_at": add(due, "UTC", "month", -1).isoformat(),
        "billing_day": due.day,  # also where the month before is shorter
        "history_until": (due - timedelta(days=1)).isoformat(),
    }
    return Command("/v1/subscriptions", body, f"start-{customer}")


def _follow(tail: Tail, single: Request, ledger: Deployment, invoices: int) -> tuple[datetime, list[Load]]:
    """When the last of them was settled, and what came of the single commands. Raises LoadFailed where it takes too long."""
    settled, singles, deadline = list[datetime](), list[Load](), time.monotonic() + _LIMIT_S
    while len(settled) < invoices:
        if time.monotonic() > deadline:
            raise LoadFailed(f"{len(settled):,} of {invoices:,} invoices were settled after {_LIMIT_S:.0f} s")
        singles.append(load(ledger.commands.url, single, _ROUND_S, connections=_CONNECTIONS, per_second=SINGLE_PER_SECOND))
        if tail.behind() < _EVENTS * (invoices - len(settled)):
            continue  # to read along would take a part of the machine
        settled += [
            datetime.fromisoformat(record.attributes["time"]) for record in tail.read() if record.attributes["type"] == _SETTLED
        ]
    return max(settled), singles


if __name__ == "__main__":
    main(recurring)
