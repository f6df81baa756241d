"""A disk is full, under the embedded log, under the indexes of a Kafka node or under Postgres: what it keeps is refused for the
time being, the rest goes on, and once there is room again all comes back.

The three of a deployment last at the same time, each on one of its own.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Literal, get_args

import psycopg
import pytest

from infra.postgres.embedded import embedded_postgres
from tests.faults.deployment import Log, Postgres
from tests.faults.disk import small_disk
from tests.faults.outage import Outage, assert_in_time, assert_nothing_lost, assert_unavailable, outage, running
from tests.integration.kafka.support import until

What = Literal["log", "indexes", "rows"]

MEGABYTES = 150
# So long after it shows.
SECONDS = 8.0

pytestmark = [pytest.mark.slow, pytest.mark.kafka, pytest.mark.postgres]


@pytest.fixture(scope="module")
def full_disks(kafka_bootstrap: str) -> Iterator[Callable[[What], Outage]]:  # noqa: ARG001  without Kafka: skipped
    """The outages, all begun; each is given when it is over."""
    with ThreadPoolExecutor(3) as pool:
        begun: dict[What, Future[Outage]] = {what: pool.submit(survived, what) for what in get_args(What)}
        yield lambda what: begun[what].result()


def survived(what: What) -> Outage:
    """A full disk from which a deployment came back without a restart, with nothing lost and nothing twice."""
    folder = Path(tempfile.mkdtemp(prefix="sl-"))
    log: Log = "kafka" if what == "indexes" else "embedded"
    try:
        with small_disk(place(folder, what), MEGABYTES) as disk, running(folder, log) as (deployment, queries_url):
            found = outage(deployment, queries_url, disk.fill, disk.free, SECONDS, lambda found: shows(found, what))
            assert_nothing_lost(deployment, found)
        return found
    finally:
        shutil.rmtree(folder)


def place(folder: Path, what: What) -> Path:
    """Where it is kept. Postgres writes its own log (WAL) elsewhere: without that it would end."""
    if what != "rows":
        return folder / "state"
    postgres = Postgres(folder / "postgres")
    postgres.start()
    postgres.stop()
    return folder / "postgres" / "data" / "base"


def shows(found: Outage, what: What) -> bool:
    watched = found.projector_ready if what == "rows" else found.commands
    return any(seen.status == 503 for seen in found.during(watched))


@pytest.mark.parametrize("what", ["log", "indexes"])
def test_what_cannot_be_written_is_refused_and_queries_go_on(full_disks: Callable[[What], Outage], what: What) -> None:
    found = full_disks(what)
    assert_in_time(found)
    refused = [seen for seen in found.commands.seen if seen.status == 503]
    assert_unavailable(refused, "partition-not-served", "log-unavailable", "outcome-unknown")
    ready = [seen for seen in found.during(found.commands_ready) if seen.status == 503]
    assert_unavailable(ready, "not-ready")
    assert any("full" in reason for seen in ready for reason in seen.body["reasons"])
    assert all(seen.status == 200 for seen in (*found.queries.seen, *found.queries_ready.seen))


def test_rows_that_cannot_be_written_wait_and_commands_and_queries_go_on(full_disks: Callable[[What], Outage]) -> None:
    found = full_disks("rows")
    assert_in_time(found)
    assert all(seen.status in (200, 201) for seen in found.commands.seen)
    assert all(seen.status == 200 for seen in (*found.commands_ready.seen, *found.queries.seen, *found.queries_ready.seen))
    waiting = [seen for seen in found.projector_ready.seen if seen.status == 503]
    assert_unavailable(waiting)
    assert any("No space left" in reason for seen in waiting for reason in seen.body["reasons"])


def test_a_postgres_without_room_for_its_own_log_comes_back() -> None:
    """Where its log (WAL) cannot grow it breaks off all that it does."""
    folder = Path(tempfile.mkdtemp(prefix="sl-"))
    try:
        with embedded_postgres(folder):
            pass
        with small_disk(folder / "data", MEGABYTES) as disk, embedded_postgres(folder) as dsn:
            write(dsn, "CREATE TABLE kept AS SELECT 1 AS n")
            disk.fill()
            assert not write(dsn, WAL_ALONE)
            disk.free()
            until(lambda: write(dsn, "INSERT INTO kept VALUES (2)"), limit_s=60)
            with psycopg.connect(dsn) as connection:
                assert connection.execute("SELECT DISTINCT n FROM kept ORDER BY n").fetchall() == [(1,), (2,)]
    finally:
        shutil.rmtree(folder)


WAL_ALONE = "SELECT pg_logical_emit_message(false, 'filler', repeat('x', 1000000)) FROM generate_series(1, 100)"  # 100 MB


def write(dsn: str, statement: str) -> bool:
    """Whether it is committed for good."""
    try:
        with psycopg.connect(dsn) as connection:
            connection.execute("SET synchronous_commit = on")
            connection.execute(statement.encode())
    except psycopg.OperationalError:
        return False
    return True
