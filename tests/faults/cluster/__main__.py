"""``python -m tests.faults.cluster``: many nodes on three brokers, and whatever can go wrong with them (`make faults`)."""

from __future__ import annotations

import argparse
import secrets
import signal
import sys
from pathlib import Path

import orjson
from rich.table import Table

from infra.terminal import console, progress_bar
from tests.faults.cluster.leftovers import run_folder
from tests.faults.cluster.record import HEADER, append, row
from tests.faults.cluster.rounds import OK, Round, cluster, plan, run

ROUNDS, SECONDS = 5, 60.0


def main() -> int:
    """0 where every round came to a good end."""
    parser = argparse.ArgumentParser(description="Rounds of seeded faults on three brokers, three command nodes, two projectors.")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"default {ROUNDS}")
    parser.add_argument(
        "--seed", type=int, default=secrets.randbelow(10**6), help="of the first round; the next one's is one more"
    )
    parser.add_argument("--seconds", type=float, default=SECONDS, help=f"of faults a round; default {SECONDS:.0f}")
    parser.add_argument("--record", action="store_true", help="append the rounds to the table of all rounds")
    parser.add_argument("--json", action="store_true", help="print the rounds as JSON, for programs")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # everything is ended in good order
    rounds: list[Round] = []
    with run_folder() as folder, cluster(folder) as site, progress_bar(console) as progress:
        task = progress.add_task("starting", total=given.rounds)
        for seed in range(given.seed, given.seed + given.rounds):
            if not given.json:
                progress.print(f"seed {seed}", *map(str, plan(site, seed, given.seconds)), sep="\n")
            found = run(site, seed, given.seconds, folder / str(seed), lambda what: progress.update(task, description=what))
            rounds.append(found)
            if given.record:
                append(found)
            if not given.json:
                progress.print(" | ".join(row(found)))
            progress.advance(task)
    _print(rounds, given.json, folder)
    return 0 if all(found.verdict == OK for found in rounds) else 1


def _print(rounds: list[Round], as_json: bool, folder: Path) -> None:
    if as_json:
        print(orjson.dumps(rounds, option=orjson.OPT_INDENT_2).decode())
        return
    table = Table(*HEADER, title="rounds of faults")
    for found in rounds:
        table.add_row(*row(found))
    console.print(table)
    if any(found.verdict != OK for found in rounds):
        console.print(f"what the rounds that failed left is in {folder}")


sys.exit(main())
