"""The faults, each a function that does it to the hosts that were picked and gives what heals it."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import psutil

from tests.faults.cluster.brokers import Broker
from tests.faults.cluster.network import Host, Network, Undo
from tests.faults.cluster.nodes import Ledger, Node
from tests.faults.cluster.schedule import Kind
from tests.faults.deployment import Postgres, Service

HOUR_S = 3600.0


@dataclass(frozen=True)
class Site:
    """All that something can be done to."""

    network: Network
    brokers: Sequence[Broker]
    postgres: Postgres
    ledger: Ledger

    def node(self, name: str) -> Node:
        return next(node for node in self.ledger.nodes if node.host.name == name)

    def broker(self, name: str) -> Broker:
        return next(broker for broker in self.brokers if broker.host.name == name)

    def projector(self, name: str) -> Service:
        return self.ledger.projectors[int(name.rpartition("-")[2]) - 1]


Strike = Callable[[Site, Sequence[str]], Undo]


def kill_node(site: Site, targets: Sequence[str]) -> Undo:
    service = site.node(targets[0]).service
    service.kill()
    return service.start


def kill_window(site: Site, targets: Sequence[str]) -> Undo:
    """The window process alone: the node ends, and is started again."""
    _signal(site.node(targets[0]).processes()[1:], signal.SIGKILL)
    return _nothing


def lose_indexes(site: Site, targets: Sequence[str]) -> Undo:
    node = site.node(targets[0])
    node.service.kill()
    for path in node.index.glob("*.sqlite*"):
        path.unlink()
    return node.service.start


def delete_index(site: Site, targets: Sequence[str]) -> Undo:
    """One file, under a node that goes on; until it is killed, and started again."""
    node = site.node(targets[0])
    for path in sorted(node.index.glob("*.sqlite"))[:1]:
        path.unlink()

    def undo() -> None:
        node.service.kill()
        node.service.start()

    return undo


def stop_node(site: Site, targets: Sequence[str]) -> Undo:
    return _stop(site.node(targets[0]).processes())


def stop_parent(site: Site, targets: Sequence[str]) -> Undo:
    return _stop(site.node(targets[0]).processes()[:1])


def stop_window(site: Site, targets: Sequence[str]) -> Undo:
    return _stop(site.node(targets[0]).processes()[1:])


def terminate_node(site: Site, targets: Sequence[str]) -> Undo:
    _signal(site.node(targets[0]).processes()[:1], signal.SIGTERM)
    return _nothing


def terminate_in_rebalance(site: Site, targets: Sequence[str]) -> Undo:
    """One node comes back, and another one is told to end while partitions move."""
    back, leaving = map(site.node, targets)
    back.service.kill()
    back.service.start()
    _signal(leaving.processes()[:1], signal.SIGTERM)
    return _nothing


def set_clock(offset_s: float) -> Strike:
    def strike(site: Site, targets: Sequence[str]) -> Undo:
        node = site.node(targets[0])
        node.set_clock(offset_s)
        return lambda: node.set_clock(0.0)

    return strike


def fill_disk(site: Site, targets: Sequence[str]) -> Undo:
    disk = site.node(targets[0]).disk
    assert disk is not None
    disk.fill()
    return disk.free


def kill_broker(site: Site, targets: Sequence[str]) -> Undo:
    broker = site.broker(targets[0])
    broker.kill()
    return broker.start


def stop_broker(site: Site, targets: Sequence[str]) -> Undo:
    """It takes connections, and says nothing: until the others do without it, and after they have."""
    return _stop([site.broker(targets[0]).process()])


def kill_projector(site: Site, targets: Sequence[str]) -> Undo:
    projector = site.projector(targets[0])
    projector.kill()
    return projector.start


def stop_projector(site: Site, targets: Sequence[str]) -> Undo:
    return _stop([site.projector(targets[0]).process()])


def kill_postgres(site: Site, _: Sequence[str]) -> Undo:
    site.postgres.kill()
    return site.postgres.start


def cut_from_brokers(count: int) -> Strike:
    """The node keeps the others' company, but ``count`` brokers are gone for it."""

    def strike(site: Site, targets: Sequence[str]) -> Undo:
        node = site.node(targets[0]).host
        first = int(targets[0].rpartition("-")[2]) % len(site.brokers)
        gone = [*site.brokers[first:], *site.brokers[:first]][:count]
        return _all([site.network.cut(node, broker.host) for broker in gone])

    return strike


def cut_from_half(site: Site, targets: Sequence[str]) -> Undo:
    """The first node from one of the others and from a broker."""
    node, other = (site.node(name).host for name in targets)
    return _all([site.network.cut(node, other), cut_from_brokers(1)(site, targets)])


def slow_node(site: Site, targets: Sequence[str]) -> Undo:
    """All that it sends to brokers and hears from them comes late."""
    node = site.node(targets[0]).host
    return _all([site.network.slow(node, broker.host) for broker in site.brokers])


def cut_from_nodes(site: Site, targets: Sequence[str]) -> Undo:
    node = site.node(targets[0]).host
    return _all([site.network.cut(node, other.host) for other in site.ledger.nodes if other.host is not node])


def cut_brokers(site: Site, targets: Sequence[str]) -> Undo:
    """From each other, while clients reach both."""
    return site.network.cut(*_hosts(site, targets))


def slow_brokers(site: Site, targets: Sequence[str]) -> Undo:
    """Replicas and transactions' markers come late, while clients reach both."""
    return site.network.slow(*_hosts(site, targets))


# By the name under which it stands in a round's report. Those of the second table need links and disks of our own.
FAULTS: dict[str, tuple[Kind, Strike]] = {
    "kill node": (Kind("node", 0.5, 10), kill_node),
    "kill window process": (Kind("node", 0.5, 1), kill_window),
    "lose indexes": (Kind("node", 0.5, 10), lose_indexes),
    "delete an index": (Kind("node", 0.5, 10), delete_index),
    "stop node": (Kind("node", 4, 20), stop_node),
    "stop node's parent": (Kind("node", 1, 15), stop_parent),
    "stop window process": (Kind("node", 1, 15), stop_window),
    "terminate node": (Kind("node", 3, 5), terminate_node),
    "terminate in rebalance": (Kind("node", 3, 8, 2), terminate_in_rebalance),
    "clock +1 h": (Kind("node", 1, 12), set_clock(HOUR_S)),
    "clock -1 h": (Kind("node", 1, 12), set_clock(-HOUR_S)),
    "kill broker": (Kind("broker", 1, 15), kill_broker),
    "stop broker": (Kind("broker", 3, 15), stop_broker),
    "kill projector": (Kind("projector", 0.5, 8), kill_projector),
    "stop projector": (Kind("projector", 4, 15), stop_projector),
    "kill postgres": (Kind("postgres", 0.5, 5), kill_postgres),
}
FAULTS_OF_HOSTS: dict[str, tuple[Kind, Strike]] = {
    "full disk": (Kind("node", 1, 10), fill_disk),
    "cut node from brokers": (Kind("node", 3, 20), cut_from_brokers(3)),
    "cut node from a broker": (Kind("node", 3, 20), cut_from_brokers(1)),
    "cut node from two brokers": (Kind("node", 3, 20), cut_from_brokers(2)),
    "cut node from nodes": (Kind("node", 3, 15), cut_from_nodes),
    "cut node from half": (Kind("node", 3, 20, 2), cut_from_half),
    "slow node": (Kind("node", 3, 15), slow_node),
    "cut brokers": (Kind("broker", 3, 20, 2), cut_brokers),
    "slow brokers": (Kind("broker", 3, 15, 2), slow_brokers),
}


def _stop(processes: Sequence[psutil.Process]) -> Undo:
    _signal(processes, signal.SIGSTOP)
    return lambda: _signal(processes, signal.SIGCONT)


def _signal(processes: Sequence[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):  # it had just ended, or its node did without it
            process.send_signal(number)


def _hosts(site: Site, targets: Sequence[str]) -> list[Host]:
    return [site.broker(name).host for name in targets]


def _all(undos: Sequence[Undo]) -> Undo:
    def undo() -> None:
        for each in undos:
            each()

    return undo


def _nothing() -> None: ...
