"""A command node alone: no read models, no projector."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from infra.embedded import ready
from infra.eventlog import topics
from tests.e2e.running import SECRETS, Running, configured
from tests.faults.deployment import PARTITIONS, Log, Service
from tests.integration.kafka.support import until


@contextmanager
def lone_node(log: Log, folder: Path, request: pytest.FixtureRequest, **settings: str) -> Iterator[tuple[Running, Service]]:
    """A command node that serves, on a log of its own, with these settings; ended with the block."""
    given: Mapping[str, str] = {}
    if log == "kafka":
        bootstrap, environment = request.getfixturevalue("kafka_bootstrap"), f"t{uuid.uuid4().hex[:12]}"
        topics.create(bootstrap, environment, PARTITIONS, 1, 1)
        given = {"environment": environment, "kafka_bootstrap": bootstrap}
    running = configured(folder / "state", "postgresql://unused", **given, **SECRETS, **settings)
    node = Service("commands", running, folder / "commands.log")
    node.start()
    try:
        until(lambda: ready(running.settings), limit_s=60)
        yield running, node
    finally:
        node.stop()
