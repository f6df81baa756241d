"""Command nodes that share a ledger's partitions, a process each, which can be killed, ended and started again."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.harness.deployment import Deployment, Service, answers, await_condition, free_port, provided, service
from infra.eventlog.kafka import KafkaLog
from infra.settings import Settings, variable


class Node:
    """A command node, which comes back at the same address, with the same indexes."""

    def __init__(self, name: str, environment: Mapping[str, str], folder: Path) -> None:
        self.name = name
        self._port = free_port()
        own = {"node": name, "port": str(self._port), "state": str(folder / name)}
        self._environment = {**environment, **{variable(setting): value for setting, value in own.items()}}
        self._output = folder / f"{name}.out"
        self._life = ExitStack()

    @property
    def address(self) -> str:
        """By which the other nodes know it."""
        return f"127.0.0.1:{self._port}"

    def start(self) -> None:
        """Until it is ready. Raises NotStarted."""
        arguments = ["-m", "infra.cli", "commands"]
        self.service: Service = self._life.enter_context(
            service(self.name, arguments, self._environment, self._port, self._output, "/readyz")
        )

    def stop(self) -> None:
        """SIGTERM, where it runs; until it has ended."""
        self._life.close()

    def kill(self) -> None:
        """SIGKILL to it and its window process at once, as when their machine dies."""
        os.killpg(self.service.process.pid, signal.SIGKILL)


@dataclass(frozen=True, slots=True)
class Cluster:
    """``nodes`` share one ledger, whose log is on Kafka at ``bootstrap``."""

    settings: Settings
    bootstrap: str
    nodes: tuple[Node, ...]
    log: KafkaLog

    @property
    def deployment(self) -> Deployment:
        """The ledger as its first node shows it."""
        return Deployment(self.settings, {}, self.nodes[0].service)

    def owned(self, node: Node) -> frozenset[str]:
        """The partitions that a node owns, as the group says."""
        return self.log.owners().get(node.address, frozenset())

    def await_shares(self) -> None:
        """Until each node owns its share, and serves it. Raises NotStarted."""
        share = len(self.log.partitions) // len(self.nodes)

        def shared() -> bool:
            return all(answers(node.service, "/readyz") and len(self.owned(node)) >= share for node in self.nodes)

        await_condition(shared, "the nodes do not share the partitions")


@contextmanager
def nodes(folder: Path, bootstrap: str, count: int, **more: str) -> Iterator[Cluster]:
    """A new ledger on Kafka with so many command nodes, which serve, for the block; ``more`` are further settings."""
    with provided(folder, bootstrap, **more) as (settings, environment), ExitStack() as stack:
        made = tuple(Node(f"node-{number + 1}", environment, folder) for number in range(count))
        for node in made:
            stack.callback(node.stop)
            node.start()
        cluster = Cluster(settings, bootstrap, made, KafkaLog(bootstrap, settings.environment))
        cluster.await_shares()
        yield cluster
