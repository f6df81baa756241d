"""What a command process is given by mistake: it ends, or leaves the partition alone, with one plain line, and writes nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from confluent_kafka.admin import AdminClient, NewPartitions
from structlog.testing import capture_logs

from infra.eventlog import topics
from infra.eventlog.index import Index
from infra.eventlog.kafka import KafkaLog
from infra.eventlog.rebuild import index_path
from infra.eventlog.record import Append, Event
from infra.eventlog.topics import Names
from infra.settings import variable
from tests.e2e.running import SECRETS, free_port
from tests.integration.eventlog.ledger import Ledger
from tests.integration.kafka.support import delete_topics, read_to_end, until
from tests.integration.kafka.test_topics import alter

PARTITIONS = frozenset({"catalog", "0", "1"})


@pytest.fixture
def environment(kafka_bootstrap: str, kafka_environment: str) -> Iterator[str]:
    topics.create(kafka_bootstrap, kafka_environment, partitions=2, replication=1, min_insync=1)
    yield kafka_environment
    delete_topics(kafka_bootstrap, kafka_environment)


def variables(bootstrap: str, environment: str, state: Path) -> dict[str, str]:
    given = {"kafka_bootstrap": bootstrap, "environment": environment, "state": str(state), "port": str(free_port()), **SECRETS}
    return {**os.environ, **{variable(name): value for name, value in given.items()}}


def ended(given: Mapping[str, str]) -> tuple[int, str]:
    """The status and the last words of a command process that ends by itself."""
    done = subprocess.run([sys.executable, "-m", "infra.cli", "commands"], env=given, capture_output=True, text=True, timeout=120)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr.strip().splitlines()[-1]


@contextmanager
def started(given: Mapping[str, str], output: Path) -> Iterator[Callable[[], list[str]]]:
    """A command process; gives what its ``/readyz`` has against it."""
    with output.open("wb") as file:
        process = subprocess.Popen([sys.executable, "-m", "infra.cli", "commands"], env=given, stdout=file, stderr=file)

    def reasons() -> list[str]:
        assert process.poll() is None, output.read_text()
        try:
            answer = httpx.get(f"http://127.0.0.1:{given[variable('port')]}/readyz", timeout=5, trust_env=False)
        except httpx.TransportError:
            return []
        found: list[str] = answer.json().get("reasons", [])
        return found

    try:
        yield reasons
    finally:
        process.terminate()
        process.wait(30)


def event(stream: str, name: str) -> Append:
    return Append("1", "acme/cus_1", "acme", f"client:{stream}", (Event(stream, 1, name, b"{}"),))


def test_brokers_that_are_not_there_end_it(tmp_path: Path) -> None:
    status, said = ended(variables("127.0.0.1:1", "sandbox", tmp_path))
    assert status == 2
    assert said.startswith("subledger: the topics of sandbox at 127.0.0.1:1: ")


def test_topics_that_are_not_there_end_it(kafka_bootstrap: str, kafka_environment: str, tmp_path: Path) -> None:
    status, said = ended(variables(kafka_bootstrap, kafka_environment, tmp_path))
    assert status == 2
    assert said.startswith(f"subledger: the topics of {kafka_environment} at {kafka_bootstrap}: ")


def test_another_number_of_partitions_than_the_logs_ends_it(kafka_bootstrap: str, environment: str, tmp_path: Path) -> None:
    status, said = ended(variables(kafka_bootstrap, environment, tmp_path) | {"SUBLEDGER_PARTITIONS": "7"})
    assert (status, said) == (2, "subledger: SUBLEDGER_PARTITIONS is 7, but the log was made with 2, for life")


def test_topics_that_were_changed_end_it_and_nothing_is_written(kafka_bootstrap: str, environment: str, tmp_path: Path) -> None:
    names, admin = Names(environment), AdminClient({"bootstrap.servers": kafka_bootstrap})
    alter(admin, names.events, {"retention.ms": "604800000"})
    admin.create_partitions([NewPartitions(names.events, 3)])[names.events].result()
    status, said = ended(variables(kafka_bootstrap, environment, tmp_path))
    assert status == 2
    assert f"retention.ms of {names.events} is 604800000, wanted -1" in said
    assert f"partitions of {names.events} is 3, wanted 2" in said
    assert read_to_end(KafkaLog(kafka_bootstrap, environment), PARTITIONS) == []


def test_an_index_of_another_log_and_events_of_a_newer_release_stop_their_partitions_alone(
    kafka_bootstrap: str, environment: str, tmp_path: Path
) -> None:
    # given a partition whose index is of another cluster, and one in which a newer release wrote
    log = KafkaLog(kafka_bootstrap, environment, "newer")
    with Ledger(log, tmp_path) as newer:
        newer.commit(event("sub_1", "subscription.paused.v9"))
    other = log.identity("0").replace("kafka:", "kafka:another-")
    foreign = Index(index_path(tmp_path / "state" / "index", "0"), other)
    foreign.queries.close()
    foreign.close()
    before = read_to_end(log, ["0", "1"])
    # when a command process owns both
    with started(variables(kafka_bootstrap, environment, tmp_path / "state"), tmp_path / "output") as reasons:
        until(lambda: len([reason for reason in reasons() if "cannot be served" in reason]) == 2, limit_s=90)
        said = sorted(reasons())
    # then it says why it serves neither, and has written nothing there
    assert f"is an index of {other}, not of {log.identity('0')}" in said[0]
    assert "this release knows no event 'subscription.paused.v9': a newer one wrote it" in said[1]
    assert read_to_end(log, ["0", "1"]) == before
    assert len(read_to_end(log, ["catalog"])) == 2


def test_a_node_whose_clock_is_wrong_claims_nothing(kafka_bootstrap: str, environment: str, tmp_path: Path) -> None:
    log = KafkaLog(kafka_bootstrap, environment, "wrong", clock=lambda: time.time() + 3600)
    ledger = Ledger(log, tmp_path)
    with capture_logs() as captured:
        ledger.window.start()
        until(lambda: [entry for entry in captured if entry["event"] == "claim failed"])
        ledger.window.close()
    [said, *_] = [entry["error"] for entry in captured if entry["event"] == "claim failed"]
    assert said.startswith("our clock is +36")
    assert read_to_end(log, PARTITIONS) == []
