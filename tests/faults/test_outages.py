"""Kafka, or Postgres, is gone for a minute: the other side keeps its promise, each request is answered, and all comes back.

The four outages last at the same time, each on a deployment of its own.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import get_args

import pytest

from infra.postgres.patience import STALLED_S
from tests.faults.deployment import Log
from tests.faults.outage import (
    SLACK_S,
    How,
    Outage,
    Server,
    assert_in_time,
    assert_nothing_lost,
    assert_unavailable,
    outage,
    running,
    ways,
)

SECONDS = 60.0
# So long after its begin an outage is known to all.
KNOWN_S = 25.0

pytestmark = [pytest.mark.slow, pytest.mark.kafka, pytest.mark.postgres]


@pytest.fixture(scope="module")
def outages(kafka_bootstrap: str) -> Iterator[Callable[[Server, How], Outage]]:  # noqa: ARG001  without Kafka: skipped
    """The outages, all begun; each is given when it is over."""
    with ThreadPoolExecutor(4) as pool:
        begun: dict[tuple[Server, How], Future[Outage]] = {}
        for how in get_args(How):
            begun["broker", how] = pool.submit(survived, "kafka", "broker", how)
            begun["postgres", how] = pool.submit(survived, "embedded", "postgres", how)
        yield lambda server, how: begun[server, how].result()


def survived(log: Log, server: Server, how: How) -> Outage:
    """An outage from which a deployment came back without a restart, with nothing lost and nothing twice."""
    folder = Path(tempfile.mkdtemp(prefix="sl-"))
    try:
        with running(folder, log) as (deployment, queries_url):
            found = outage(deployment, queries_url, *ways(folder, deployment, server, how), SECONDS)
            assert_nothing_lost(deployment, found)
        return found
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize("how", ["killed", "frozen"])
def test_without_kafka_queries_go_on_and_say_that_they_are_stale(outages: Callable[[Server, How], Outage], how: How) -> None:
    found = outages("broker", how)
    assert_in_time(found)
    # queries answer as before, and once the outage is known they say since when
    assert all(seen.status == 200 for seen in found.queries.seen)
    late = found.during(found.queries, KNOWN_S)
    assert late
    assert all("Stale-Since" in seen.headers for seen in late)
    assert all(seen.status == 200 for seen in found.queries_ready.seen)
    # commands are refused for the time being; the node is not ready, and says why
    assert_unavailable(found.during(found.commands), "partition-not-served", "outcome-unknown")
    for watched in (found.commands_ready, found.projector_ready):
        ready = found.during(watched, KNOWN_S)
        assert_unavailable(ready)
        assert all(seen.body["reasons"] for seen in ready)


@pytest.mark.parametrize("how", ["killed", "frozen"])
def test_without_postgres_commands_go_on(outages: Callable[[Server, How], Outage], how: How) -> None:
    found = outages("postgres", how)
    assert_in_time(found)
    # commands do not notice
    assert all(seen.status in (200, 201) for seen in found.commands.seen)
    assert len(found.during(found.commands)) > 50
    assert all(seen.status == 200 for seen in found.commands_ready.seen)
    # queries are refused for the time being, and the process is not ready
    assert_unavailable(found.during(found.queries, 1.0), "read-model-unavailable")
    assert_unavailable(found.during(found.queries_ready, 1.0), "read-model-unavailable")
    assert_unavailable(found.during(found.projector_ready, STALLED_S + SLACK_S))
