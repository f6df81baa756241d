"""The table of all rounds that were run: docs/faults.csv."""

from __future__ import annotations

import csv
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from tests.faults.cluster.rounds import Round

TABLE = Path(__file__).parents[3] / "docs" / "faults.csv"
HEADER = ("date", "commit", "seed", "seconds", "faults", "commands", "acknowledged", "unknown", "takeovers", "ended", "verdict")


def row(found: Round) -> list[str]:
    """In the order of the header. ``commit`` is that of the working tree, with a + where it was changed."""
    commit = _git("rev-parse", "--short=10", "HEAD") + ("+" if _git("status", "--porcelain", "--", ":/*.py") else "")
    counts = (found.commands, found.acknowledged, found.unknown, found.takeovers, found.ended)
    day = datetime.now(UTC).date().isoformat()
    return [day, commit, str(found.seed), f"{found.seconds:.0f}", found.faults, *map(str, counts), found.verdict]


def append(found: Round) -> None:
    """Add a round."""
    new = not TABLE.exists()
    with TABLE.open("a", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if new:
            writer.writerow(HEADER)
        writer.writerow(row(found))


def _git(*arguments: str) -> str:
    return subprocess.run(
        ["git", "-C", str(TABLE.parent), *arguments], stdout=subprocess.PIPE, text=True, check=True
    ).stdout.strip()
