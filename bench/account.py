"""One more invoice for an account with very many subscriptions, beside one with a few: it must not grow with what else there is.

Both accounts are filled with paid subscriptions, each with its invoice and its charge; then a subscription more is started, on
the one and on the other in turn, one after the other.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from statistics import median
from typing import Annotated

import typer

from bench.harness.command import Json, Rounds, main, workspace
from bench.harness.deployment import Deployment, deployed
from bench.harness.result import Line, Result, Target, show, told
from bench.harness.shop import PAID, Command, Shop, open_shop, send_all
from bench.harness.usage import cpu_s
from bench.harness.watching import await_quiet, watched
from infra.eventlog.log import Log
from infra.ledger_client import LedgerClient

FEW = 10
RATIO = 3.0

Subscriptions = Annotated[int, typer.Option("--subscriptions", min=1, help="How many the large account has.")]
Number = Annotated[int, typer.Option("--number", min=1, help="How many are started on each account in a round.")]


def account(subscriptions: Subscriptions = 30_000, number: Number = 20, rounds: Rounds = 5, json: Json = False) -> None:
    """The time and the work of one more subscription with its invoice, by how many the account has."""
    with workspace() as folder, deployed(folder / "ledger") as ledger, watched(ledger) as log:
        shops = {count: _filled(ledger, log, count) for count in (FEW, subscriptions)}
        found: dict[int, list[tuple[float, float]]] = {count: [] for count in shops}
        for shop in shops.values():
            _more(ledger, log, shop, number, "warm")  # an account is read once, when it is first needed
        for turn in range(rounds):
            for count, shop in shops.items():
                found[count].append(_more(ledger, log, shop, number, f"{turn}"))
    notes = [
        f"{number} a round, one after the other, {rounds} rounds in turn; medians. The few are {FEW} at first. Latencies are"
        " a client's; processor time is the command node's, until the charge is settled.",
        "On the embedded log; the command process and the client share the machine.",
    ]
    show(
        Result(
            "account", "One more invoice of a large account", list(_lines(found[subscriptions], found[FEW], subscriptions)), notes
        ),
        json,
    )


def _lines(many: list[tuple[float, float]], few: list[tuple[float, float]], subscriptions: int) -> Iterator[Line]:
    target = Target("ratio", "<", RATIO)
    for place, what in enumerate(("latency", "processor time")):
        figure, ceiling = (1000 * median(each[place] for each in rounds) for rounds in (many, few))
        yield Line(f"{what} with {subscriptions:,} subscriptions ÷ with {FEW}", figure, "ms", ceiling, target)


def _filled(ledger: Deployment, log: Log, subscriptions: int) -> Shop:
    """A tenant with one customer who has so many."""
    told(f"{subscriptions:,} subscriptions of one customer")
    shop = open_shop(ledger, 1, f"with-{subscriptions}")
    send_all(ledger, shop.key, [_start(shop, f"{number}") for number in range(subscriptions)])
    await_quiet(log)
    return shop


def _start(shop: Shop, key: str) -> Command:
    return Command("/v1/subscriptions", {"customer": shop.customers[0], "price": PAID}, f"start-{key}")


def _more(ledger: Deployment, log: Log, shop: Shop, number: int, turn: str) -> tuple[float, float]:
    """Latency (the median) and processor time of one more, in seconds."""
    used = cpu_s(ledger.commands.process)
    latencies = asyncio.run(_send(ledger, shop, number, turn))
    await_quiet(log)
    return median(latencies), (cpu_s(ledger.commands.process) - used) / number


async def _send(ledger: Deployment, shop: Shop, number: int, turn: str) -> list[float]:
    found = list[float]()
    async with LedgerClient(ledger.commands.url, shop.key) as client:
        for each in range(number):
            command, begun = _start(shop, f"{turn}-{each}"), time.perf_counter()
            await client.post(command.path, command.body, command.key)
            found.append(time.perf_counter() - begun)
    return found


if __name__ == "__main__":
    main(account)
