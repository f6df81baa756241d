"""Throughput of two command processes ÷ one, on one machine, by the batch route; and what a command takes of each part.

Two ledgers on one broker, of one node and of two, take turns under the same load. A batch's lines are those of any customers, so
with two nodes half of them go on to the other one; and once more with batches of each node's own customers alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from statistics import median

import psutil

from bench.commands import start
from bench.harness.command import Customers, Json, LogName, Rounds, Seconds, addresses, main, workspace
from bench.harness.load import Load, Request, load
from bench.harness.metrics import STAGES, window_seconds
from bench.harness.nodes import Cluster, Node, nodes
from bench.harness.result import Line, Result, show, told
from bench.harness.shop import TRIAL, Shop, open_shop
from bench.harness.usage import cpu_of_children_s, cpu_s, listener, own_cpu_s
from bench.harness.watching import await_quiet
from domain.ids import partition_of

_LINES = 100
_CONNECTIONS = 8
LOOP, WINDOW, BROKER, LOAD = "event loops", "window processes", "broker", "load"


@dataclass(frozen=True, slots=True)
class Subject:
    """What is sent to each node of a cluster, and what came of it: commands a second, and milliseconds a command, by part."""

    cluster: Cluster
    requests: Mapping[Node, Request]
    per_second: list[float] = field(default_factory=list)
    ms: list[Mapping[str, float]] = field(default_factory=list)

    def round(self, seconds: float, broker: psutil.Process | None) -> None:
        """One round, until all of it is in the log."""
        before = self._used_s(broker)
        with ThreadPoolExecutor(len(self.requests)) as clients:
            loads = list(clients.map(partial(self._load, seconds), self.requests.items()))
        await_quiet(self.cluster.log)
        after = self._used_s(broker)
        answered = sum(each.answered for each in loads)
        self.per_second.append(sum(each.per_second for each in loads))
        self.ms.append({part: 1000 * (after[part] - before[part]) / answered for part in after})

    def _load(self, seconds: float, sent: tuple[Node, Request]) -> Load:
        node, request = sent
        return load(node.service.url, request, seconds, connections=_CONNECTIONS // len(self.requests))

    def _used_s(self, broker: psutil.Process | None) -> dict[str, float]:
        """Processor time so far, of the windows' stages the time that has passed, in seconds."""
        services = [node.service for node in self.cluster.nodes]
        loops = sum(own_cpu_s(each.process) for each in services)
        used = {LOOP: loops, WINDOW: sum(cpu_s(each.process) for each in services) - loops, LOAD: cpu_of_children_s()}
        if broker is not None:
            used[BROKER] = cpu_s(broker)
        stages = [window_seconds(each.url) for each in services]
        return used | {stage: sum(each[stage] for each in stages) for stage in STAGES}

    def of(self, part: str) -> float:
        """Milliseconds a command, the median of the rounds."""
        return median(each[part] for each in self.ms)


def processes(seconds: Seconds = 3.0, rounds: Rounds = 5, customers: Customers = 20_000, json: Json = False) -> None:
    """Two command processes ÷ one, by the batch route."""
    with workspace() as folder, addresses(folder, LogName.KAFKA) as found:
        bootstrap = found[LogName.KAFKA]
        assert bootstrap is not None
        lines = list(_measured(bootstrap, folder, seconds, rounds, customers))
    notes = (
        f"Trials are started, {_LINES} a batch, over {_CONNECTIONS} connections in all. Customers take turns.",
        "Milliseconds a command are processor time; those of the windows' stages are the time that passes in the window process:"
        " 'log' is for the most part spent waiting for the broker, and 'indexes' is SQLite.",
        "Processes, broker and load share the machine.",
    )
    show(Result("processes", "Two command processes ÷ one", lines, notes), json)


def _measured(bootstrap: str, folder: Path, seconds: float, rounds: int, customers: int) -> Iterator[Line]:
    with ExitStack() as stack:
        one, two = (stack.enter_context(nodes(folder / str(count), bootstrap, count)) for count in (1, 2))
        told(f"{customers:,} customers, twice")
        small, large = (open_shop(cluster.deployment, customers) for cluster in (one, two))
        single, any_lines, own_lines = _to_any(one, small, folder), _to_any(two, large, folder), _to_owners(two, large, folder)
        broker = listener(bootstrap.split(",")[0])
        for number in range(rounds):
            told(f"round {number + 1} of {rounds}")
            for subject in (single, any_lines, own_lines):
                subject.round(seconds, broker)
    ceiling = median(single.per_second)
    yield Line("one process", ceiling, "commands/s")
    yield Line("two, any line to either", median(any_lines.per_second), "commands/s", ceiling)
    yield Line("two, each line to its owner", median(own_lines.per_second), "commands/s", ceiling)
    for what, subject in (("any line to either", any_lines), ("each line to its owner", own_lines)):
        for part in single.ms[0]:
            yield Line(f"two, {what}: {part}", subject.of(part), "ms a command", single.of(part))


def _to_any(cluster: Cluster, shop: Shop, folder: Path) -> Subject:
    """Each node gets lines of all customers."""
    return Subject(cluster, dict.fromkeys(cluster.nodes, _batches(shop, shop.customers, folder / cluster.settings.environment)))


def _to_owners(cluster: Cluster, shop: Shop, folder: Path) -> Subject:
    """Each node gets those of its own customers."""
    requests = {}
    for node in cluster.nodes:
        owned = cluster.owned(node)
        own = tuple(each for each in shop.customers if partition_of(each, cluster.settings.partitions) in owned)
        requests[node] = _batches(shop, own, folder / node.name)
    return Subject(cluster, requests)


def _batches(shop: Shop, customers: tuple[str, ...], folder: Path) -> Request:
    folder.mkdir()
    return replace(start(replace(shop, customers=customers), TRIAL, folder), batch=_LINES)


if __name__ == "__main__":
    main(processes)
