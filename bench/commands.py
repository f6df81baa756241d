"""Durable commands over HTTP, on Kafka and on the embedded log ÷ an empty endpoint that validates the same body.

``POST /v1/subscriptions`` with a key of its own by 64 connections; customers take turns. Measured twice: a trial (one event) and
a paid subscription, whose invoice and payment attempt are in the same command and whose charge, a command of its own, follows.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median

from bench.harness.command import Customers, Json, LogName, OneLog, Rounds, Seconds, main, on_each_log
from bench.harness.deployment import Service, deployed
from bench.harness.empty import empty_endpoint
from bench.harness.load import CONNECTIONS, Load, Request, load
from bench.harness.result import Line, Result, Target, show, told
from bench.harness.shop import PAID, TRIAL, Shop, open_shop
from bench.harness.usage import cpu_s
from bench.harness.watching import await_quiet, streams, watched
from infra.eventlog.log import Log

RATIO = {LogName.KAFKA: 0.5, LogName.EMBEDDED: 0.55}
P95_MS = 50.0
NOTES = (
    "trial: a price with 14 days of trial; the command appends one event.",
    "paid: 9.99 EUR a month; the command appends the subscription, its period, its invoice and the payment's attempt, and the"
    " charge's outcome follows as a second command. 'with its charge' counts the time until all of them are settled, too.",
    "The command process, the broker and the load share the machine; nothing reads along.",
)


@dataclass
class Subject:
    """What is sent, and what came of its rounds."""

    request: Request
    connections: int = CONNECTIONS
    loads: list[Load] = field(default_factory=list)
    settled_per_second: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)

    def round(self, service: Service, log: Log, seconds: float) -> None:
        """One round, and what follows from it."""
        cpu, begun = cpu_s(service.process), time.monotonic()
        found = load(service.url, self.request, seconds, connections=self.connections)
        settled = await_quiet(log)
        self.loads.append(found)
        self.settled_per_second.append(found.answered / (settled - begun))
        self.cpu_ms.append(1000 * (cpu_s(service.process) - cpu) / found.answered)


def commands(
    seconds: Seconds = 3.0, rounds: Rounds = 5, customers: Customers = 20_000, log: OneLog = None, json: Json = False
) -> None:
    """Durable commands over HTTP ÷ an empty endpoint."""
    lines = on_each_log(log, partial(_on_log, seconds=seconds, rounds=rounds, customers=customers))
    show(Result("commands", "Commands over HTTP ÷ an empty endpoint with the same body", lines, NOTES), json)


def _on_log(name: LogName, bootstrap: str | None, folder: Path, seconds: float, rounds: int, customers: int) -> Iterator[Line]:
    acknowledged = folder / "acknowledged"
    with deployed(folder, bootstrap) as ledger, watched(ledger) as log, empty_endpoint(folder) as empty:
        told(f"{name}: {customers:,} customers")
        shop = open_shop(ledger, customers)
        subjects = {kind: Subject(start(shop, price, folder, acknowledged)) for kind, price in (("trial", TRIAL), ("paid", PAID))}
        ceiling: list[Load] = []
        for number in range(rounds):
            told(f"{name}: round {number + 1} of {rounds}")
            ceiling.append(load(empty.url, start(shop, PAID, folder), seconds))
            for subject in subjects.values():
                subject.round(ledger.commands, log, seconds)
        started = streams(log, "subscription.started.v2")
    for kind, subject in subjects.items():
        yield from _lines(f"{name}, {kind}", subject, median(each.per_second for each in ceiling), RATIO[name])
    ids = [Path(location).name for location in acknowledged.read_text().split()]
    lost = sum(started[subscription] != 1 for subscription in ids)
    yield Line(f"{name}: acknowledged and not once in the log, of {len(ids):,}", lost, "", target=Target("figure", "<", 1))


def start(shop: Shop, price: str, folder: Path, acknowledged: Path | None = None) -> Request:
    """Start a subscription of the shop's next customer to a price."""
    body = f'{{"customer":"{{}}","price":"{price}"}}'
    return Request("POST", "/v1/subscriptions", shop.key, shop.customers_file(folder), body, acknowledged)


def _lines(what: str, subject: Subject, ceiling: float, ratio: float) -> Iterator[Line]:
    loads = subject.loads
    yield Line(what, median(each.per_second for each in loads), "commands/s", ceiling, Target("ratio", "≥", ratio))
    if what.endswith("paid"):
        yield Line(f"{what}, with its charge", median(subject.settled_per_second), "commands/s", ceiling)
    yield Line(f"{what}: p50", median(each.p50_ms for each in loads), "ms")
    yield Line(f"{what}: p95", median(each.p95_ms for each in loads), "ms", target=Target("figure", "<", P95_MS))
    yield Line(f"{what}: p99", median(each.p99_ms for each in loads), "ms")
    yield Line(f"{what}: processor time of the command node", median(subject.cpu_ms), "ms a command")


if __name__ == "__main__":
    main(commands)
