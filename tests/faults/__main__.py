"""``python -m tests.faults``: kill -9 on both logs during an import, many times (`make crash`)."""

from __future__ import annotations

import argparse
import secrets
import shutil
import sys
import tempfile
from pathlib import Path
from random import Random
from typing import get_args

from rich.table import Table

from infra.terminal import console, money, progress_bar
from tests.faults.crash import Kill, Outcome, crash, subscribers, victims
from tests.faults.deployment import Log

ROUNDS, CUSTOMERS = 18, 300


def main() -> int:
    """0 where every run came to the undisturbed one's end; what did not raises."""
    parser = argparse.ArgumentParser(description="Kill -9 whatever runs, at random moments during an import, and compare.")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6), help="repeats the choices of a run")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"kills on each log; default {ROUNDS}")
    parser.add_argument("--rows", type=int, help="so many of the subscribers, picked at random; default all")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="crash-"))
    console.print(f"seed {given.seed}, in {folder}")  # where a run that fails leaves everything
    outcomes = _all(folder, given.seed, given.rounds, given.rows)
    shutil.rmtree(folder)
    _print(outcomes)
    undisturbed, *others = (outcome.verdict for outcome in outcomes)
    same = all((other.totals, other.tables) == (undisturbed.totals, undisturbed.tables) for other in others)
    console.print("the same rows in every table" if same else f"THE ROWS DIFFER (seed {given.seed})")
    return 0 if same else 1


def _all(folder: Path, seed: int, rounds: int, rows: int | None) -> list[Outcome]:
    """The undisturbed run, and one on each log."""
    random = Random(seed)
    file = subscribers(folder / "subscribers.csv", rows, random)
    plans: list[tuple[Log, list[str]]] = [("embedded", []), *((log, victims(log, rounds, random)) for log in get_args(Log))]
    outcomes: list[Outcome] = []
    with progress_bar(console) as progress:
        task = progress.add_task("undisturbed", total=rounds * (len(plans) - 1))

        def told(kill: Kill) -> None:
            progress.update(task, advance=1, description=f"{kill.log}: {kill.victim} killed")

        for log, chosen in plans:
            outcomes.append(crash(log, folder / str(len(outcomes)), file, chosen, random, CUSTOMERS, told))
    return outcomes


def _print(outcomes: list[Outcome]) -> None:
    rounds = Table("round", "log", "killed", "import done", "acknowledged before", "down for", title="kill -9")
    for number, kill in enumerate((kill for outcome in outcomes for kill in outcome.kills), 1):
        moment = (f"{kill.progress:.0%}", f"{kill.acknowledged:,}", f"{kill.down_s:.2f} s")
        rounds.add_row(str(number), kill.log, kill.victim, *moment)
    console.print(rounds)
    runs = Table("log", "kills", "customers", "invoices", "billed", "acknowledged, each in the log once", "claims", "wall")
    for outcome in outcomes:
        verdict, totals = outcome.verdict, outcome.verdict.totals
        billed = ", ".join(f"{money(amount, currency)} {currency}" for currency, amount in sorted(totals.billed.items()))
        counts = (len(outcome.kills), totals.customers, totals.invoices)
        row = [*(f"{count:,}" for count in counts), billed, f"{verdict.acknowledged:,}", f"{verdict.claims:,}"]
        runs.add_row(outcome.log, *row, f"{outcome.seconds:.0f} s")
    console.print(runs)


sys.exit(main())
