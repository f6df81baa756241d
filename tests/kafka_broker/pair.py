"""Two brokers, of which one may go and come back: what is on that one alone has no leader meanwhile."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from tests.kafka_broker.local import BrokerError, await_port, free_ports, launch, new_cluster_id
from tests.kafka_broker.settings import broker_settings

_LIMIT_S = 60.0
_JVM = ("-XX:TieredStopAtLevel=1",)


class SecondBroker:
    """The one with the id 2: no controller, and nothing of transactions and groups is on it."""

    def __init__(self, folder: Path, settings: dict[str, str], cluster_id: str) -> None:
        self._folder = folder
        self._settings = settings
        self._cluster_id = cluster_id
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Raises BrokerError."""
        self._process = launch(self._folder, self._settings, self._cluster_id, jvm=_JVM)
        host, _, port = self._settings["advertised.listeners"].removeprefix("PLAINTEXT://").partition(":")
        await_port(self._process, host, int(port), self._folder / "broker.log")

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()


@contextmanager
def pair(folder: Path) -> Iterator[tuple[str, SecondBroker]]:
    """The address of the first broker, with the id 1, and the second; both serve. Raises BrokerError."""
    (port, controller), (other_port, _) = free_ports(), free_ports()
    cluster_id, voters = new_cluster_id(), {"controller.quorum.voters": f"1@127.0.0.1:{controller}"}
    first = broker_settings(port, controller, str(folder / "1/data")) | voters
    first["listeners"] = f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}"
    other = broker_settings(other_port, controller, str(folder / "2/data")) | voters
    other |= {"process.roles": "broker", "node.id": "2", "listeners": f"PLAINTEXT://127.0.0.1:{other_port}"}
    process, second = launch(folder / "1", first, cluster_id, jvm=_JVM), SecondBroker(folder / "2", other, cluster_id)
    try:
        await_port(process, "127.0.0.1", port, folder / "1/broker.log")
        address = f"127.0.0.1:{port}"
        _make_internal_topics(address)  # while there is no other broker to be their leader
        second.start()
        _await_two(address)
        yield address, second
    finally:
        second.kill()
        process.kill()  # in good order it would wait for the other
        process.wait()


def _make_internal_topics(address: str) -> None:
    producer = Producer({"bootstrap.servers": address, "transactional.id": "first", "log_level": 0})
    producer.init_transactions(_LIMIT_S)
    admin = AdminClient({"bootstrap.servers": address})
    admin.describe_consumer_groups(["first"], request_timeout=_LIMIT_S)["first"].exception()


def _await_two(address: str) -> None:
    admin, deadline = AdminClient({"bootstrap.servers": address}), time.monotonic() + _LIMIT_S
    while len(admin.list_topics(timeout=5).brokers) < 2:
        if time.monotonic() > deadline:
            raise BrokerError("the second broker did not join the first")
        time.sleep(0.1)
