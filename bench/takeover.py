"""kill -9 of a command node under load: how long until its customers' commands succeed again, through another node.

Two nodes share the partitions. The load goes through one of them, and the other is killed, with its window process, in round
after round. Nothing is retried by the client: a command that fails tells that its customer is not served yet. Once all are, what
failed is sent again, and the checker compares every answer with the log.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from statistics import median
from typing import Annotated

import typer

from bench.harness.calls import Recording, judged
from bench.harness.command import Json, main, workspace
from bench.harness.load import LoadFailed
from bench.harness.nodes import Cluster, Node, nodes
from bench.harness.result import Line, Result, Target, show, told
from bench.harness.shop import Shop, open_shop
from bench.harness.steady import INTERVAL_S, Sent, first_answered, registered, send_again, steady_load
from subledger_client import AsyncClient
from tests.checker.history import Call
from tests.faults.cluster.brokers import BROKERS, brokers
from tests.faults.cluster.network import Network
from tests.kafka_broker.provide import kafka

SESSION_S = 6.0  # the brokers' group.consumer.session.timeout.ms
LIMIT_S = SESSION_S + 2
_CALM_S = 3.0
_PATIENCE_S = 60.0
_CUSTOMERS = 360  # a round


class Kafka(StrEnum):
    """How many brokers there are."""

    ONE = "one"
    THREE = "three"


Rounds = Annotated[int, typer.Option("--rounds", min=1, help="How often a node is killed.")]
OneKafka = Annotated[Kafka | None, typer.Option("--brokers", help="With so many brokers alone, not with both numbers.")]


@dataclass(frozen=True, slots=True)
class Round:
    """Seconds from the kill: until the first and the last of the partitions was served again; and the longest that a command on
    another partition took meanwhile.
    """

    first_s: float
    last_s: float
    others_s: float


def takeover(rounds: Rounds = 5, brokers: OneKafka = None, json: Json = False) -> None:
    """kill -9 of an owner, until its customers' commands succeed again."""
    with workspace() as folder:
        lines = [line for each in ([brokers] if brokers else Kafka) for line in _measured(each, folder / each, rounds)]
    notes = (
        "Two command nodes. A command is due for each partition every"
        f" {1000 * INTERVAL_S:.0f} ms, whatever became of the last one; all go through the node that stays, once, without retry.",
        f"The brokers take a member for dead when they have not heard of it for {SESSION_S:.0f} s. Three brokers have three"
        " replicas of everything, two of which must have it.",
        "Afterwards what failed is sent again under its key, and a checker that shares nothing with the ledger compares all"
        " answers with the log. Nodes, brokers and load share the machine.",
    )
    show(Result("takeover", "kill -9 of an owner under load", lines, notes), json)


def _measured(kind: Kafka, folder: Path, rounds: int) -> Iterator[Line]:
    replicas = {"replication_factor": "3", "min_insync": "2"} if kind is Kafka.THREE else {}
    with _brokers(kind, folder) as bootstrap, nodes(folder / "ledger", bootstrap, 2, **replicas) as cluster:
        shop, calls, found = open_shop(cluster.deployment, 0), list[Call](), list[Round]()
        for number in range(rounds):
            told(f"{kind}: round {number + 1} of {rounds}")
            found.append(_round(cluster, shop, calls))
        verdict = judged(cluster, calls, kind)
    last = [each.last_s for each in found]
    yield Line(f"{kind}: all its customers are served again, median", median(last), "s", target=Target("figure", "<", LIMIT_S))
    yield Line(f"{kind}: the same, longest of {rounds}", max(last), "s")
    yield Line(f"{kind}: the first of them, median", median(each.first_s for each in found), "s")
    yield Line(f"{kind}: other customers meanwhile, longest", 1000 * max(each.others_s for each in found), "ms")
    yield verdict


@contextmanager
def _brokers(kind: Kafka, folder: Path) -> Iterator[str]:
    if kind is Kafka.ONE:
        with kafka(folder / "broker") as bootstrap:
            yield bootstrap
        return
    with brokers(Network(can_cut=False), folder) as three:
        assert len(three) == BROKERS
        yield ",".join(broker.address for broker in three)


def _round(cluster: Cluster, shop: Shop, calls: list[Call]) -> Round:
    """The second node is killed under load. It is up again, and has its share, when this returns."""
    killed = cluster.nodes[1]
    found = asyncio.run(_killed(cluster, killed, shop, calls))
    killed.stop()
    killed.start()
    cluster.await_shares()
    return found


async def _killed(cluster: Cluster, killed: Node, shop: Shop, calls: list[Call]) -> Round:
    recording = partial(Recording, [cluster.nodes[0].address], shop.tenant, calls)
    async with (
        AsyncClient("http://nodes", shop.key, transport=recording()) as patient,
        AsyncClient("http://nodes", shop.key, transport=recording(), deadline_s=0) as client,
    ):
        customers = await registered(patient, _CUSTOMERS, cluster.settings.partitions)
        lost = cluster.owned(killed) & customers.keys()
        async with steady_load(client, customers) as sent:
            await asyncio.sleep(_CALM_S)
            begun = time.monotonic()
            killed.kill()
            await _until_answered(sent, begun, lost)
        await send_again(patient, sent)
    served = sorted(answered - begun for answered in first_answered(sent, begun, lost).values())
    others = [one.latency_s for one in sent if one.partition not in lost and one.due >= begun]
    return Round(served[0], served[-1], max(others))


async def _until_answered(sent: Sequence[Sent], begun: float, partitions: Set[str]) -> None:
    """Until a command that was due since then has been answered in each. Raises LoadFailed."""
    while missing := partitions - first_answered(sent, begun, partitions).keys():
        if time.monotonic() - begun > _PATIENCE_S:
            raise LoadFailed(f"{len(missing)} partitions are not served {_PATIENCE_S:.0f} s after their owner was killed")
        await asyncio.sleep(INTERVAL_S)


if __name__ == "__main__":
    main(takeover)
