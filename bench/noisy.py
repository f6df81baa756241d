"""What a noisy tenant costs a quiet one: the latency of one that sends a little at a steady rate, alone, beside one that is busy,
and beside one that has always sixteen times as much waiting and never heeds `Retry-After`.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median
from typing import Annotated
from uuid import uuid4

import typer

from bench.commands import start
from bench.harness.command import Json, LogName, OneLog, Rounds, Seconds, main, on_each_log
from bench.harness.deployment import Deployment, deployed
from bench.harness.load import Load, LoadFailed, Request, load
from bench.harness.open_loop import Posts, Step, percentile, send
from bench.harness.result import Line, Result, Target, show, told
from bench.harness.shop import TRIAL, Shop, open_shop

PER_SECOND = 50.0
BUSY = 16
RATIO = 1.1
# The other one's load begins so long before and ends after what is measured.
_MARGIN_S = 1.0


@dataclass
class Beside:
    """The quiet tenant's rounds beside a number of the other one's connections; 0: alone."""

    connections: int
    p50_ms: list[float] = field(default_factory=list)
    p95_ms: list[float] = field(default_factory=list)
    per_second: list[float] = field(default_factory=list)

    def round(self, ledger: Deployment, quiet: Shop, other: Request, seconds: float) -> None:
        with ThreadPoolExecutor(1) as thread:
            flood = thread.submit(_flood, ledger, other, seconds, self.connections) if self.connections else None
            body = f'{{"customer":"{{}}","price":"{TRIAL}"}}'
            posts = Posts("/v1/subscriptions", quiet.key, quiet.customers, body, uuid4().hex)
            pause = Step(PER_SECOND, _MARGIN_S)
            sent = send(ledger.commands.url, posts, [pause, Step(PER_SECOND, seconds), pause])
            measured = [each for each in sent if _MARGIN_S <= each.due_s < _MARGIN_S + seconds]
            if failed := [each.status for each in measured if each.status != 201]:
                raise LoadFailed(f"of {len(measured)} requests of the quiet tenant {len(failed)} failed, with {set(failed)}")
            self.p50_ms.append(percentile(measured, 50))
            self.p95_ms.append(percentile(measured, 95))
            if flood is not None:
                self.per_second.append(flood.result().per_second)


def _flood(ledger: Deployment, other: Request, seconds: float, connections: int) -> Load:
    return load(ledger.commands.url, other, seconds + 2 * _MARGIN_S, connections=connections, may_be_refused=True)


def noisy(
    seconds: Seconds = 10.0,
    rounds: Rounds = 5,
    connections: Annotated[int, typer.Option("--connections", min=1, help="Connections of the noisy tenant.")] = 256,
    log: OneLog = None,
    json: Json = False,
) -> None:
    """A quiet tenant's latency beside a noisy one."""
    notes = (
        f"The quiet tenant starts {PER_SECOND:g} trials a second at random intervals in an open loop: latencies count from when a"
        " request was due.",
        f"The other one starts trials over {BUSY} connections (busy) or {connections} (noisy), each again as soon as it has its"
        " answer, whatever that is.",
        "Rounds take turns; medians of the rounds. The command process, the broker and both loads share the machine.",
    )
    lines = on_each_log(log, partial(_on_log, seconds=seconds, rounds=rounds, connections=connections))
    show(Result("noisy", "A quiet tenant beside a noisy one", lines, notes), json)


def _on_log(name: LogName, bootstrap: str | None, folder: Path, seconds: float, rounds: int, connections: int) -> Iterator[Line]:
    with deployed(folder, bootstrap) as ledger:
        told(f"{name}: two tenants")
        quiet, other = open_shop(ledger, 500, "quiet"), open_shop(ledger, 500, "other")
        alone, busy, flooded = Beside(0), Beside(BUSY), Beside(connections)
        for number in range(rounds):
            told(f"{name}: round {number + 1} of {rounds}")
            for each in (alone, busy, flooded):
                each.round(ledger, quiet, start(other, TRIAL, folder), seconds)
    target = Target("ratio", "<", RATIO)
    yield Line(f"{name}: quiet tenant alone, p50", median(alone.p50_ms), "ms")
    yield Line(f"{name}: quiet tenant alone, p95", median(alone.p95_ms), "ms")
    yield Line(f"{name}: beside a busy one, p95 ÷ alone", median(busy.p95_ms), "ms", median(alone.p95_ms))
    yield Line(f"{name}: beside a noisy one, p50 ÷ alone", median(flooded.p50_ms), "ms", median(alone.p50_ms))
    yield Line(f"{name}: beside a noisy one, p95 ÷ alone", median(flooded.p95_ms), "ms", median(alone.p95_ms), target)
    yield Line(f"{name}: beside a noisy one, p95 ÷ beside a busy one", median(flooded.p95_ms), "ms", median(busy.p95_ms), target)
    yield Line(f"{name}: answers to the busy one", median(busy.per_second), "commands/s")
    yield Line(f"{name}: answers to the noisy one", median(flooded.per_second), "commands/s")


if __name__ == "__main__":
    main(noisy)
