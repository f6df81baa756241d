"""The command that looks ahead: simulate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from domain.subscription.lifecycle import State
from infra.cli.parts import Json
from infra.logging import configure_logging
from infra.simulate.months import Month
from infra.simulate.plan import SAMPLE, load_plan
from infra.simulate.run import Simulated, simulate
from infra.terminal import console, money, print_json, tracking

MONTHS_MAX = 600
STATES: tuple[State, ...] = ("trial", "active", "grace", "suspended")


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("simulate")(simulate_plan)


def simulate_plan(
    plan: Annotated[
        Path, typer.Argument(metavar="[PLAN.json]", help="See docs/how-to/simulate.md; a sample where none is given.")
    ] = SAMPLE,
    months: Annotated[int, typer.Option("--months", min=1, max=MONTHS_MAX)] = 24,
    seed: Annotated[int, typer.Option("--seed", help="Another one is another future; the same one the same.")] = 0,
    json: Json = False,
) -> None:
    """Show what a catalog and a population would do: a line for each month and currency.

    It runs in a ledger of its own, which is thrown away; no other is touched.
    """
    configure_logging("error")
    with tracking("months") as progress:
        found = simulate(load_plan(plan), months, seed, progress)
    if json:
        refused = dict(sorted(found.refused.items()))
        print_json(
            {"seed": seed, "months": [each.as_json() for each in found.months], "refused": refused, "events": found.events}
        )
    else:
        _print(found)


def _print(found: Simulated) -> None:
    console.print(months_table(found.months))
    for problem, times in sorted(found.refused.items()):
        console.print(f"refused {times:,} times: {problem}", style="yellow", markup=False)
    console.print(f"{found.events:,} events")


def months_table(months: list[Month]) -> Table:
    """A line for each month and currency; amounts in the currency's major unit."""
    table = Table("month", "", *STATES, "churned", "invoiced", "collected", "credited", "written off", "open")
    for column in table.columns[2:]:
        column.justify = "right"
    for month in months:
        flows = month.flows
        amounts = (flows.invoiced, flows.collected, flows.credited, flows.written_off, month.open)
        counts = [*(month.subscriptions.get(state, 0) for state in STATES), month.churned]
        table.add_row(
            f"{month.begins:%Y-%m}", month.currency,
            *(f"{count:,}" for count in counts), *(money(amount, month.currency) for amount in amounts),
        )  # fmt: skip
    return table
