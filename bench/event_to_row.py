"""How long after a command's answer its row can be read, while the ledger is at half of its load.

A client registers a customer and asks for it at the position of the answer: the query API answers when the row is there. Several
do so one after the other, each in a loop, while trials are started at half of the rate that the command process can take.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from statistics import median, quantiles

from bench.commands import start
from bench.harness.command import Customers, Json, LogName, OneLog, Rounds, Seconds, main, on_each_log
from bench.harness.deployment import Deployment, deployed
from bench.harness.load import Load, load
from bench.harness.result import Line, Result, Target, show, told
from bench.harness.shop import TRIAL, Shop, open_shop
from bench.harness.watching import await_projected, watched
from infra.eventlog.log import Log
from infra.ledger_client import LedgerClient

P99_MS = 500.0
_CLIENTS = 4
NOTES = (
    f"{_CLIENTS} clients: each registers a customer, then asks for it at the position of the answer; measured from the command's"
    " answer to the query's. The query API looks for the position every 20 ms, and its own time is in it.",
    "half load: trials started over 64 connections, half as many a second as the command process takes while the projector"
    " follows.",
    "The command process, the projector, the query process, Postgres, the broker and the load share the machine.",
)


def event_to_row(
    seconds: Seconds = 5.0, rounds: Rounds = 3, customers: Customers = 5_000, log: OneLog = None, json: Json = False
) -> None:
    """From a command's answer to its row, at half load."""
    lines = on_each_log(log, partial(_on_log, seconds=seconds, rounds=rounds, customers=customers))
    show(Result("event_to_row", "From a command's answer to its row", lines, NOTES), json)


def _on_log(name: LogName, bootstrap: str | None, folder: Path, seconds: float, rounds: int, customers: int) -> Iterator[Line]:
    with deployed(folder, bootstrap, read_side=True) as ledger, watched(ledger) as log:
        told(f"{name}: {customers:,} customers")
        shop = open_shop(ledger, customers)
        await_projected(ledger, log)
        at_rest = asyncio.run(_probe(ledger, shop, time.monotonic() + seconds, f"{name}-rest"))
        full, taken_ms = list[Load](), list[float]()
        for number in range(rounds):
            told(f"{name}: round {number + 1} of {rounds}")
            full.append(load(ledger.commands.url, start(shop, TRIAL, folder), seconds))
            taken_ms += _at_half_load(ledger, log, shop, folder, seconds, full[-1].per_second / 2, f"{name}-{number}")
    yield Line(f"{name}: at rest, p50", median(at_rest), "ms")
    yield Line(f"{name}: load, half of which is sent", median(each.per_second for each in full), "commands/s")
    yield Line(f"{name}: at half load, p50", median(taken_ms), "ms")
    yield Line(f"{name}: at half load, p99", quantiles(taken_ms, n=100)[-1], "ms", target=Target("figure", "<", P99_MS))


def _at_half_load(
    ledger: Deployment, log: Log, shop: Shop, folder: Path, seconds: float, per_second: float, round_name: str
) -> list[float]:
    """How long each took, in milliseconds. What the round before left to project is waited for."""
    await_projected(ledger, log)
    with ThreadPoolExecutor(1) as aside:
        request = start(shop, TRIAL, folder)
        sent: Future[Load] = aside.submit(load, ledger.commands.url, request, seconds, per_second=per_second)
        taken_ms = asyncio.run(_probe(ledger, shop, time.monotonic() + seconds, round_name))
        sent.result()
    return taken_ms


async def _probe(ledger: Deployment, shop: Shop, until: float, name: str) -> list[float]:
    assert ledger.queries is not None
    taken_ms: list[float] = []
    async with LedgerClient(ledger.commands.url, shop.key) as commands, LedgerClient(ledger.queries.url, shop.key) as queries:

        async def client(number: int) -> None:
            count = 0
            while not count or time.monotonic() < until:
                count += 1
                id = f"{name}-{number}-{count}"
                reply = await commands.post("/v1/customers", {"storefront": "web", "external_id": id}, id)
                answered = time.perf_counter()
                await queries.get(f"/v1/customers/{reply.body['id']}", min_position=reply.position)
                taken_ms.append(1000 * (time.perf_counter() - answered))

        await asyncio.gather(*map(client, range(_CLIENTS)))
    return taken_ms


if __name__ == "__main__":
    main(event_to_row)
