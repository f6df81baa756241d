"""One node after the other of three is ended and started again, under load: no request may fail, and none may take long.

The clients are those of `sdk/python` with their standard retry, and reach the nodes in turn, as behind a name with three
addresses: that a node is away they learn from nobody listening there.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles
from typing import Annotated

import typer

from bench.harness.calls import Recording, judged
from bench.harness.command import Json, LogName, addresses, main, workspace
from bench.harness.nodes import Cluster, Node, nodes
from bench.harness.result import Line, Result, Target, show, told
from bench.harness.shop import Shop, open_shop
from bench.harness.steady import INTERVAL_S, Sent, registered, steady_load
from subledger_client import AsyncClient
from tests.checker.history import Call

WORST_MS = 3000.0
_NODES = 3
_CALM_S = 10.0
_CUSTOMERS = 360

Rounds = Annotated[int, typer.Option("--rounds", min=1, help="How often each of the nodes is restarted.")]


@dataclass(slots=True)
class Found:
    """Commands that were due before the first restart and during the restarts; what each node took to end, in seconds."""

    before: list[Sent] = field(default_factory=list)
    during: list[Sent] = field(default_factory=list)
    ending_s: list[float] = field(default_factory=list)


def rolling_restart(rounds: Rounds = 2, json: Json = False) -> None:
    """A graceful restart of each of three nodes, under load."""
    with workspace() as folder, addresses(folder, LogName.KAFKA) as found:
        bootstrap = found[LogName.KAFKA]
        assert bootstrap is not None
        lines = list(_measured(bootstrap, folder / "ledger", rounds))
    notes = (
        f"A command is due for each partition every {1000 * INTERVAL_S:.0f} ms, and its time counts from then, the client's"
        f" retries included. Before: {_CALM_S:.0f} s in which nothing happens.",
        "A node gets SIGTERM, is started again at once, and the next one follows when all are ready.",
        "The checker compares all answers with the log. Nodes, those that start too, broker and load share the machine.",
    )
    show(Result("rolling_restart", "Graceful restarts of three nodes under load", lines, notes), json)


def _measured(bootstrap: str, folder: Path, rounds: int) -> Iterator[Line]:
    calls, found = list[Call](), Found()
    with nodes(folder, bootstrap, _NODES) as cluster:
        shop = open_shop(cluster.deployment, 0)
        asyncio.run(_restarted(cluster, shop, rounds, calls, found))
        verdict = judged(cluster, calls, "answers and log")
    failed = [one for one in (*found.before, *found.during) if one.answered is None]
    for one in failed[:1]:
        told(f"failed: {one.error}")
    yield Line(
        f"requests that failed, of {len(found.before) + len(found.during):,}", len(failed), "", target=Target("figure", "<", 1)
    )
    yield from _latencies("before", found.before)
    yield from _latencies("during", found.during)
    worst = max(one.latency_s for one in found.during if one.answered is not None)
    yield Line("during: longest", 1000 * worst, "ms", target=Target("figure", "<", WORST_MS))
    yield Line(f"from SIGTERM until a node has ended, longest of {len(found.ending_s)}", max(found.ending_s), "s")
    yield verdict


def _latencies(when: str, sent: Sequence[Sent]) -> Iterator[Line]:
    cuts = quantiles([1000 * one.latency_s for one in sent if one.answered is not None], n=100)
    for percentile in (50, 95, 99):
        yield Line(f"{when}: p{percentile}", cuts[percentile - 1], "ms")


async def _restarted(cluster: Cluster, shop: Shop, rounds: int, calls: list[Call], found: Found) -> None:
    transport = Recording([node.address for node in cluster.nodes], shop.tenant, calls)
    async with AsyncClient("http://nodes", shop.key, transport=transport) as client:
        customers = await registered(client, _CUSTOMERS, cluster.settings.partitions)
        async with steady_load(client, customers) as sent:
            await asyncio.sleep(_CALM_S)
            begun = time.monotonic()
            for number in range(rounds * _NODES):
                told(f"restart {number + 1} of {rounds * _NODES}")
                found.ending_s.append(await asyncio.to_thread(_restart, cluster.nodes[number % _NODES]))
                await asyncio.to_thread(cluster.await_shares)
    found.before = [one for one in sent if one.due < begun]
    found.during = [one for one in sent if one.due >= begun]


def _restart(node: Node) -> float:
    """Seconds that it took to end. Raises NotStarted."""
    begun = time.monotonic()
    node.stop()
    ended = time.monotonic()
    node.start()
    return ended - begun


if __name__ == "__main__":
    main(rolling_restart)
