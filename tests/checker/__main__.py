"""``python -m tests.checker FOLDER``: judge a history. Prints a table and every violation; exit code 1 where there is one."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.checker.check import PROVES, Verdict, judge
from tests.checker.files import load

SHOWN_MAX = 100


def table(verdict: Verdict) -> Table:
    """Each rule with how often it was broken."""
    broken = Counter(violation.rule for violation in verdict.violations)
    found = Table("rule", "invariant", "violations")
    for rule, proves in PROVES.items():
        found.add_row(rule, proves, f"[red]{broken[rule]}[/red]" if broken[rule] else "0")
    return found


def main(console: Console) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.checker", description="Judge the history of a run.")
    parser.add_argument("folder", type=Path, help="as tests/checker/files.py describes it")
    verdict = judge(load(parser.parse_args().folder))
    console.print(table(verdict))
    console.print(", ".join(f"{number:,} {what}" for what, number in verdict.counts.items()))
    for violation in verdict.violations[:SHOWN_MAX]:
        console.print(str(violation), markup=False, highlight=False, soft_wrap=True)
    console.print(f"{len(verdict.violations)} violations" if verdict.violations else "every promise was kept")
    return 0 if verdict.ok else 1


if __name__ == "__main__":
    sys.exit(main(Console()))
