"""Three Kafka brokers, which are controllers too, each on a host of its own; a topic has three replicas, two of which must have a
record before it counts.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.faults.cluster.network import Host, Network
from tests.kafka_broker.local import await_port, free_ports, launch, new_cluster_id, stop
from tests.kafka_broker.settings import cluster_settings

BROKERS = 3
# They live for minutes and are often started anew: the second compiler takes more time than it saves.
_JVM = ("-XX:TieredStopAtLevel=1",)


class Broker:
    """One of a cluster. It comes back at the same address, with the same data."""

    def __init__(self, number: int, host: Host, places: list[tuple[str, int, int]], cluster_id: str, folder: Path) -> None:
        self.host = host
        self.address = "{}:{}".format(*places[number])
        self._place = places[number]
        self._settings = cluster_settings(number, places, str(folder / "data"))
        self._cluster_id = cluster_id
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Whether it comes up is for ``wait`` to see: a broker needs another one for that."""
        self._process = launch(self._folder, self._settings, self._cluster_id, self.host.enter, _JVM)

    def wait(self) -> None:
        """Until it takes connections. Raises BrokerError."""
        assert self._process is not None
        await_port(self._process, *self._place[:2], self._folder / "broker.log")

    def process(self) -> psutil.Process:
        """The broker itself, which runs."""
        assert self._process is not None
        return psutil.Process(self._process.pid)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        if self._process is not None:
            stop(self._process)


@contextmanager
def brokers(network: Network, folder: Path) -> Iterator[list[Broker]]:
    """Three that serve, for the block."""
    cluster_id = new_cluster_id()
    hosts = [network.host(f"broker-{number}") for number in range(1, BROKERS + 1)]
    places = [(host.address, *free_ports()) for host in hosts]
    started = [Broker(number, host, places, cluster_id, folder / host.name) for number, host in enumerate(hosts)]
    try:
        for broker in started:
            broker.start()
        for broker in started:
            broker.wait()
        yield started
    finally:
        for broker in started:  # a lone one would wait for the others before it ends in good order
            broker.kill()
