"""Measurements of the whole ledger, side by side with what bounds it: ``python -m bench.NAME``, or all by ``make bench``.

Every figure is a ratio to a ceiling that was measured in the same run, in short rounds that take turns, so that what disturbs the
machine disturbs both. Broker, database, load and server share it. docs/performance.md holds the method and the last figures.

Owns the measurements and their presentation, no assertion: whether the ledger does the right thing is for the tests to say.
"""

import sys
from pathlib import Path

# The client is a part of the tree and not installed with the ledger.
sys.path.append(str(Path(__file__).parents[1] / "sdk" / "python"))

MEASUREMENTS = (
    "windows",
    "commands",
    "batch",
    "entitlement",
    "event_to_row",
    "projector",
    "index_rebuild",
    "restore",
    "takeover",
    "rolling_restart",
    "processes",
    "importing",
    "recurring",
    "what_if",
    "account",
    "pricing",
    "noisy",
    "flash_sale",
    "memory",
    "growth",
)
RESULTS = Path("build/bench")
