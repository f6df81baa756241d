"""The batch route ÷ the single route: the same durable command, sent one by one and by the hundred."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median

from bench.commands import Subject, start
from bench.harness.command import Customers, Json, LogName, OneLog, Rounds, Seconds, main, on_each_log
from bench.harness.deployment import deployed
from bench.harness.result import Line, Result, Target, show, told
from bench.harness.shop import TRIAL, open_shop
from bench.harness.watching import watched

TIMES = 4.0
_LINES = 100
_CONNECTIONS = 4
NOTES = (
    f"Trials are started: one by one over 64 connections, and {_LINES} a batch over {_CONNECTIONS} connections. Customers take"
    " turns.",
)


def batch(
    seconds: Seconds = 3.0, rounds: Rounds = 3, customers: Customers = 20_000, log: OneLog = None, json: Json = False
) -> None:
    """The batch route ÷ the single route."""
    lines = on_each_log(log, partial(_on_log, seconds=seconds, rounds=rounds, customers=customers))
    show(Result("batch", "Batch route ÷ single route", lines, NOTES), json)


def _on_log(name: LogName, bootstrap: str | None, folder: Path, seconds: float, rounds: int, customers: int) -> Iterator[Line]:
    with deployed(folder, bootstrap) as ledger, watched(ledger) as log:
        told(f"{name}: {customers:,} customers")
        shop = open_shop(ledger, customers)
        one = start(shop, TRIAL, folder)
        single, many = Subject(one), Subject(replace(one, batch=_LINES), _CONNECTIONS)
        for number in range(rounds):
            told(f"{name}: round {number + 1} of {rounds}")
            single.round(ledger.commands, log, seconds)
            many.round(ledger.commands, log, seconds)
    ceiling = median(each.per_second for each in single.loads)
    yield Line(
        f"{name}: by the batch route", median(each.per_second for each in many.loads), "commands/s", ceiling,
        Target("ratio", "≥", TIMES),
    )  # fmt: skip
    yield Line(f"{name}: a batch of {_LINES}, p95", median(each.p95_ms for each in many.loads), "ms")
    yield Line(f"{name}: processor time of the command node", median(many.cpu_ms), "ms a command", median(single.cpu_ms))


if __name__ == "__main__":
    main(batch)
