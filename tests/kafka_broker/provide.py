"""Where the tests get Kafka from, in this order: KAFKA_BOOTSTRAP, a container where Docker runs, Maven artifacts with Java."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from docker.errors import DockerException
from testcontainers.core.container import DockerContainer

from tests.kafka_broker.local import BrokerError, local_broker
from tests.kafka_broker.settings import VERSION, broker_settings

_START_LIMIT_S = 90.0
_CONTROLLER_PORT = 29093


@contextmanager
def kafka(folder: Path) -> Iterator[str]:
    """The address of a broker, for the block. A local one keeps its data in ``folder``. Raises BrokerError where none is."""
    given = os.environ.get("KAFKA_BOOTSTRAP")
    if given:
        _await_broker(given, 15)
        yield given
        return
    with ExitStack() as stack:
        try:
            address = stack.enter_context(_container())
        except DockerException:
            address = stack.enter_context(local_broker(folder))
        yield address


@contextmanager
def _container() -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    container = DockerContainer(f"apache/kafka:{VERSION}").with_bind_ports(port, port)
    for name, value in broker_settings(port, _CONTROLLER_PORT, "/var/lib/kafka/data").items():
        container = container.with_env("KAFKA_" + name.upper().replace(".", "_"), value)
    with container:
        address = f"127.0.0.1:{port}"
        _await_broker(address, _START_LIMIT_S)
        yield address


def _await_broker(address: str, limit_s: float) -> None:
    deadline = time.monotonic() + limit_s
    admin = AdminClient({"bootstrap.servers": address, "log_level": 0})
    while True:
        try:
            admin.list_topics(timeout=2)
            return
        except KafkaException as error:
            if time.monotonic() > deadline:
                raise BrokerError(f"the Kafka broker at {address} does not answer") from error
