"""How cost grows: the same command and the same question as a ledger comes to three and to ten times as much of one thing.

One thing at a time, each on a deployment of its own: customers, events, subscriptions of each customer, tenants. It is measured
while it is small, filled up, and measured again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import cycle, islice, pairwise
from pathlib import Path
from statistics import median
from typing import Annotated, Any, assert_never

import orjson
import typer

from bench.commands import Subject, start
from bench.harness.command import Json, Rounds, Seconds, main, workspace
from bench.harness.deployment import Deployment, Service, deployed
from bench.harness.empty import empty_endpoint
from bench.harness.load import Load, Request, load
from bench.harness.result import Line, Result, show, told
from bench.harness.shop import TRIAL, Command, Shop, open_shop, send_all, with_more_customers
from bench.harness.usage import rss_mib
from bench.harness.watching import await_projected, await_quiet, events, watched
from infra.eventlog.log import Log

FACTORS = (1, 3, 10)
_TENANTS = 10
_METHOD = {"payment_method": {"provider": "simulator", "token": "sim_ok"}}
# What is measured at each size: its name, its unit.
MEASURES = {
    "commands": ("commands ÷ empty endpoint", ""),
    "checks": ("entitlement checks ÷ empty endpoint", ""),
    "cpu_ms": ("processor time of the command node", "ms a command"),
    "memory_mib": ("memory of the command node", "MiB"),
}


class Axis(StrEnum):
    """What there is more and more of."""

    CUSTOMERS = "customers"
    EVENTS = "events"
    SUBSCRIPTIONS = "subscriptions"
    TENANTS = "tenants"


Base = Annotated[int, typer.Option("--customers", min=10, help="How many customers there are to begin with.")]
OneAxis = Annotated[Axis | None, typer.Option("--axis", help="Measure this growth alone.")]


@dataclass(slots=True)
class Place:
    """A deployment with its log, its first tenant's shop, which may grow, the ceiling, and the number of events at first."""

    ledger: Deployment
    log: Log
    shop: Shop
    empty: Service
    folder: Path
    events: int


def growth(seconds: Seconds = 1.0, rounds: Rounds = 3, customers: Base = 3_000, axis: OneAxis = None, json: Json = False) -> None:
    """The cost of a command and of a question by how much there is."""
    axes = [axis] if axis else list(Axis)
    with workspace() as folder:
        points = [point for each in axes for point in _along(each, folder / each, seconds, rounds, customers)]
    notes = [
        f"At first there are {customers:,} customers of one tenant, each with a trial, and {_TENANTS} tenants. Multiplied are the"
        " customers, with their trials; or the events, of the same customers; or the subscriptions of each; or the tenants.",
        f"Figures are at {FACTORS[-1]} times as much; the ceiling is what the same ledger came to at first. The command sets a"
        " payment method, the check asks for a customer's entitlements; the customers of one tenant take turns.",
        "On the embedded log; the command process, the projector, the queries, Postgres and the load share the machine.",
    ]
    show(Result("growth", f"How cost grows, at {FACTORS[-1]} times as much", list(_lines(axes, points)), notes, points), json)


def _lines(axes: list[Axis], points: list[dict[str, Any]]) -> Iterator[Line]:
    found = {(point["axis"], point["factor"]): point for point in points}
    for axis in axes:
        before, after = found[axis, FACTORS[0]], found[axis, FACTORS[-1]]
        for measure, (what, unit) in MEASURES.items():
            yield Line(f"{axis}: {what}", after[measure], unit, before[measure])


def _along(axis: Axis, folder: Path, seconds: float, rounds: int, customers: int) -> Iterator[dict[str, Any]]:
    with deployed(folder, read_side=True) as ledger, watched(ledger) as log, empty_endpoint(folder) as empty:
        shop = open_shop(ledger, customers)
        send_all(ledger, shop.key, (_trial(customer, 0) for customer in shop.customers))
        for number in range(1, _TENANTS):
            open_shop(ledger, 1, f"tenant-{number}")
        place = Place(ledger, log, shop, empty, folder, events(log))
        for had, factor in pairwise((1, *FACTORS)):
            told(f"{axis}: {factor} times as much")
            _fill(axis, place, had, factor)
            await_quiet(log)
            await_projected(ledger, log)
            yield {"axis": str(axis), "factor": factor, **_measure(place, seconds, rounds)}


def _measure(place: Place, seconds: float, rounds: int) -> Mapping[str, float]:
    """What is measured, by the names of MEASURES."""
    assert place.ledger.queries is not None
    values, key = place.shop.customers_file(place.folder), place.shop.key
    command = Subject(Request("POST", "/v1/customers/{}/payment-method", key, values, orjson.dumps(_METHOD).decode()))
    check = Request("GET", "/v1/customers/{}/entitlements", key, values)
    posts, gets, checks = list[Load](), list[Load](), list[Load]()
    for _ in range(rounds):
        posts.append(load(place.empty.url, start(place.shop, TRIAL, place.folder), seconds))
        command.round(place.ledger.commands, place.log, seconds)
        await_projected(place.ledger, place.log)
        gets.append(load(place.empty.url, check, seconds))
        checks.append(load(place.ledger.queries.url, check, seconds))
    return {
        "commands": _rate(command.loads) / _rate(posts),
        "checks": _rate(checks) / _rate(gets),
        "cpu_ms": median(command.cpu_ms),
        "memory_mib": rss_mib(place.ledger.commands.process),
    }


def _rate(rounds: list[Load]) -> float:
    return median(each.per_second for each in rounds)


def _fill(axis: Axis, place: Place, had: int, factor: int) -> None:
    """From ``had`` times as much to ``factor`` times as much."""
    ledger, customers = place.ledger, place.shop.customers
    match axis:
        case Axis.CUSTOMERS:
            place.shop = with_more_customers(ledger, place.shop, len(customers) // had * (factor - had))
            commands = [_trial(customer, 0) for customer in place.shop.customers[len(customers) :]]
        case Axis.EVENTS:  # what measuring added counts
            missing = max(0, factor * place.events - events(place.log))
            commands = [_method(customer, f"{factor}-{n}") for n, customer in enumerate(islice(cycle(customers), missing))]
        case Axis.SUBSCRIPTIONS:
            commands = [_trial(customer, number) for number in range(had, factor) for customer in customers]
        case Axis.TENANTS:
            commands = []
            for number in range(had * _TENANTS, factor * _TENANTS):
                open_shop(ledger, 1, f"tenant-{number}")
        case _:
            assert_never(axis)
    send_all(ledger, place.shop.key, commands)


def _trial(customer: str, number: int) -> Command:
    return Command("/v1/subscriptions", {"customer": customer, "price": TRIAL}, f"start-{customer}-{number}")


def _method(customer: str, key: str) -> Command:
    return Command(f"/v1/customers/{customer}/payment-method", _METHOD, f"method-{key}")


if __name__ == "__main__":
    main(growth)
