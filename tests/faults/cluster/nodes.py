"""The ledger's processes on a cluster: three command nodes, two projectors, a query API; each on a host of its own."""

from __future__ import annotations

import signal
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

import psutil

from infra.embedded import ready
from tests.e2e.running import SECRETS, Running, configured, free_port
from tests.faults.cluster.network import Host, Network
from tests.faults.deployment import Service
from tests.faults.disk import Disk, small_disk

DISK_MEGABYTES = 96
_CLOCK = Path(__file__).with_name("clock")
_ROOT = Path(__file__).parents[3]


class Node:
    """A command node. Its clock is a file's matter, its disk a small one of its own where ``network`` says that we may."""

    def __init__(self, network: Network, host: Host, running: Running, folder: Path, stack: ExitStack) -> None:
        self.host = host
        self.clock = folder / f"{host.name}.clock"
        self.set_clock(0.0)
        own = {"PYTHONPATH": f"{_CLOCK}:{_ROOT}", "FAULTS_CLOCK": str(self.clock)}
        self.running = replace(running, environment={**running.environment, **own})
        self.service = Service("commands", self.running, folder / f"{host.name}.log", host.enter)
        self.index = running.settings.state / "index"
        self.disk: Disk | None = None
        if network.can_cut:
            self.disk = stack.enter_context(small_disk(running.settings.state, DISK_MEGABYTES))

    def set_clock(self, offset_s: float) -> None:
        """How far it is off."""
        draft = self.clock.with_suffix(".new")
        draft.write_text(str(offset_s))
        draft.rename(self.clock)

    def processes(self) -> list[psutil.Process]:
        """Itself and, once it has one, its window process."""
        node = self.service.process()
        return [node, *node.children()]


class Ledger:
    """All processes of a ledger, on the environment that its settings name. ``parts`` by name, in the order of their start."""

    def __init__(
        self, network: Network, hosts: dict[str, Host], folder: Path, dsn: str, given: dict[str, str], stack: ExitStack
    ) -> None:
        def running(host: Host) -> Running:
            own = {"host": host.address, "node": host.name, "port": str(8000 if host.enter else free_port())}
            return configured(folder / host.name, dsn, **own, **given, **SECRETS)

        self._stack = stack
        self.nodes = [
            Node(network, host, running(host), folder, stack) for name, host in hosts.items() if name.startswith("node")
        ]
        projecting = {name: running(host) for name, host in hosts.items() if name.startswith("projector")}
        self.projectors = [Service("project", its, folder / f"{name}.log", hosts[name].enter) for name, its in projecting.items()]
        self._projecting = [its.settings for its in projecting.values()]
        asked = running(hosts["queries"])
        self.queries_url = asked.url
        self.queries = Service("queries", asked, folder / "queries.log", hosts["queries"].enter)
        self.running = self.nodes[0].running

    @property
    def services(self) -> list[Service]:
        return [*(node.service for node in self.nodes), *self.projectors, self.queries]

    def unready(self) -> list[str]:
        """Nodes and projectors that are not ready."""
        return [node.host.name for node in self.nodes if not ready(node.running.settings)] + self.unready_projectors()

    def unready_projectors(self) -> list[str]:
        return [settings.node for settings in self._projecting if not ready(settings)]

    def start(self) -> None:
        """All of it; ended with the stack, the stopped ones too."""
        for service in self.services:
            self._stack.callback(service.kill)
            service.start()
        self._stack.callback(self.go_on)

    def go_on(self) -> None:
        """SIGCONT to every process."""
        for service in self.services:
            with suppress(AssertionError, psutil.NoSuchProcess):
                process = service.process()
                for each in (process, *process.children()):
                    each.send_signal(signal.SIGCONT)

    def keep(self) -> None:
        """Start again what ended by itself, as a service manager does."""
        for service in self.services:
            service.keep()
