"""Entitlement checks over HTTP ÷ an empty GET endpoint, and how long one takes at half of that load.

``GET /v1/customers/{id}/entitlements/{key}`` by 64 connections, authenticated, under row-level security, at a position; customers
take turns, and each has a subscription that grants what is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from bench.harness.command import Customers, Json, Rounds, Seconds, main, workspace
from bench.harness.deployment import Service, deployed
from bench.harness.empty import empty_endpoint
from bench.harness.load import Load, Request, load
from bench.harness.result import Line, Result, Target, show, told
from bench.harness.shop import TRIAL, Command, open_shop, send_all
from bench.harness.usage import cpu_s
from bench.harness.watching import await_projected, watched

RATIO = 0.5
P99_MS = 20.0
NOTES = (
    "full load: as many checks as 64 connections get answered; half load: half as many a second over the same connections.",
    "The log is the embedded one and at rest, so no rows change meanwhile: bench.event_to_row reads what is being written.",
)


def entitlement(seconds: Seconds = 3.0, rounds: Rounds = 5, customers: Customers = 5_000, json: Json = False) -> None:
    """Entitlement checks over HTTP ÷ an empty GET endpoint."""
    with (
        workspace() as folder,
        deployed(folder / "ledger", read_side=True) as ledger,
        watched(ledger) as log,
        empty_endpoint(folder) as empty,
    ):
        told(f"{customers:,} customers with a subscription each")
        shop = open_shop(ledger, customers)
        send_all(ledger, shop.key, map(_subscription, shop.customers))
        await_projected(ledger, log)
        assert ledger.queries is not None
        values = shop.customers_file(folder)
        checks = Request("GET", "/v1/customers/{}/entitlements/hd", shop.key, values)
        nothing = Request("GET", "/v1/customers/{}/entitlements", shop.key, values)
        lines = list(_measured(ledger.queries, checks, empty, nothing, seconds, rounds))
    show(Result("entitlement", "Entitlement checks over HTTP ÷ an empty GET endpoint", lines, NOTES), json)


def _subscription(customer: str) -> Command:
    return Command("/v1/subscriptions", {"customer": customer, "price": TRIAL}, f"start-{customer}")


def _measured(queries: Service, checks: Request, empty: Service, nothing: Request, seconds: float, rounds: int) -> Iterator[Line]:
    ceiling, full, half, least_ms, cpu_ms = list[Load](), list[Load](), list[Load](), list[float](), list[float]()
    for number in range(rounds):
        told(f"round {number + 1} of {rounds}")
        for service, request, loads, used_ms in ((empty, nothing, ceiling, least_ms), (queries, checks, full, cpu_ms)):
            used = cpu_s(service.process)
            loads.append(load(service.url, request, seconds))
            used_ms.append(1000 * (cpu_s(service.process) - used) / loads[-1].answered)
        half.append(load(queries.url, checks, seconds, per_second=full[-1].per_second / 2))
    most, reached = (median(each.per_second for each in loads) for loads in (ceiling, full))
    yield Line("checks, full load", reached, "checks/s", most, Target("ratio", "≥", RATIO))
    yield Line("checks, full load: p50", median(each.p50_ms for each in full), "ms")
    yield Line("checks, full load: p99", median(each.p99_ms for each in full), "ms")
    yield Line("checks, half load", median(each.per_second for each in half), "checks/s")
    yield Line("checks, half load: p50", median(each.p50_ms for each in half), "ms")
    yield Line("checks, half load: p99", median(each.p99_ms for each in half), "ms", target=Target("figure", "<", P99_MS))
    yield Line("processor time of the query process", median(cpu_ms), "ms a check", median(least_ms))


if __name__ == "__main__":
    main(entitlement)
