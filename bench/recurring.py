"""A recurring run: many subscriptions due at one instant on the wall clock, each renewed, invoiced, captured and settled, while
single commands go on.

They are started beforehand as subscriptions that come from elsewhere: a week before the instant, that week billed and settled. So
all of them have their next period begin at the instant, by nothing but the public API.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from bench.commands import start
from bench.harness.command import Json, LogName, addresses, main, workspace
from bench.harness.deployment import Deployment, deployed
from bench.harness.load import Load, LoadFailed, load
from bench.harness.result import Line, Result, Target, show, told
from bench.harness.shop import TRIAL, WEEK, WEEKLY, Shop, open_shop, start_all
from bench.harness.usage import cpu_s, rss_mib
from bench.harness.watching import Tail, await_quiet, watched
from infra.eventlog.log import Log

INVOICES_PER_SECOND = 1200
P95_MS = 250.0
SINGLE_PER_SECOND = 20
_ROUND_S = 5.0
# The instant is this long after the start of the set-up's second half: so much longer than its first half took, and a little.
_MARGIN, _MARGIN_S = 2.0, 10.0
_LIMIT_S = 900.0
_SETTLED = "invoice.payment_applied.v1"


def recurring(subscriptions: int = 50_000, log: LogName = LogName.KAFKA, json: Json = False) -> None:
    """Subscriptions that fall due at one instant, until all are settled."""
    with workspace() as folder, addresses(folder, log) as [(name, bootstrap)]:
        lines = list(_on_log(name, bootstrap, folder / name, subscriptions))
    notes = [
        f"{subscriptions:,} subscriptions, each of a customer of its own, whose week ends at one instant of the wall clock.",
        "From that instant until the last of them is settled, by the events' own times: the period, the invoice, the payment's"
        " attempt, its capture by the in-process simulator, the invoice's settlement.",
        f"Meanwhile {SINGLE_PER_SECOND} trials a second are started over 4 connections.",
        "The command process, the broker and the load share the machine; nothing reads along.",
    ]
    show(Result("recurring", "Recurring run", lines, notes), json)
