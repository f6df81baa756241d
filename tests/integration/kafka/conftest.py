"""Topics of a test's own (3 partitions and the catalog), and nodes that are closed after it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from infra.eventlog import topics
from infra.eventlog.kafka import KafkaLog
from tests.integration.kafka.support import Node, delete_topics


@pytest.fixture
def environment(kafka_bootstrap: str, kafka_environment: str) -> Iterator[str]:
    topics.create(kafka_bootstrap, kafka_environment, partitions=3, replication=1, min_insync=1)
    yield kafka_environment
    delete_topics(kafka_bootstrap, kafka_environment)


@pytest.fixture
def log(kafka_bootstrap: str, environment: str) -> KafkaLog:
    return KafkaLog(kafka_bootstrap, environment)


@pytest.fixture
def start(kafka_bootstrap: str, environment: str) -> Iterator[Callable[[str], Node]]:
    """Start a node of that name."""
    nodes: list[Node] = []

    def start(name: str) -> Node:
        log = KafkaLog(kafka_bootstrap, environment, name)
        nodes.append(Node(log, log.owner()))
        return nodes[-1]

    yield start
    for node in nodes:
        node.owner.close()


@pytest.fixture
def node(start: Callable[[str], Node]) -> Node:
    """A node that has claimed every partition."""
    node = start("127.0.0.1:8000")
    node.take_over()
    return node
