"""What every test may ask for: a real Kafka broker, a fresh Postgres database.

``kafka_bootstrap``    address of a broker, one for the session
``kafka_environment``  a topic prefix nobody else uses, on that broker
``postgres_dsn``       superuser's connection string of an empty database, dropped after the test

A test that asks for one of them carries its marker (``kafka``, ``postgres``) without saying so. Where no broker can be had, the
Kafka tests are skipped and the run ends with the reason; with CI=true they fail.
"""

from __future__ import annotations

import os
import tempfile
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest
from hypothesis import settings
from psycopg import sql
from psycopg.conninfo import make_conninfo

from infra.postgres.embedded import embedded_postgres
from tests.kafka_broker.local import BrokerError
from tests.kafka_broker.provide import kafka

_MARKER_OF = {
    "kafka_bootstrap": "kafka",
    "kafka_environment": "kafka",
    "postgres_server": "postgres",
    "postgres_dsn": "postgres",
}
_NO_KAFKA = "no Kafka broker"

# A shared machine's pauses are not the code's: no deadlines. A failure prints what reproduces it. For a long search:
# ``pytest --hypothesis-profile=thorough``.
settings.register_profile("subledger", deadline=None, print_blob=True)
settings.register_profile("thorough", settings.get_profile("subledger"), max_examples=3000)
settings.load_profile("subledger")


def pytest_configure() -> None:
    """A developer's own settings must not change what the tests see."""
    for name in [name for name in os.environ if name.startswith("SUBLEDGER_")]:
        del os.environ[name]


@pytest.hookimpl(tryfirst=True)  # before ``-m`` picks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by the fixtures that they ask for, and see that each has a name of its own."""
    for item in items:
        for name in getattr(item, "fixturenames", ()):
            if name in _MARKER_OF:
                item.add_marker(_MARKER_OF[name])
        if operation := getattr(item, "operation_label", None):  # Schemathesis leaves it out of the name of pytest 9.2
            item._id = item.id.with_params(operation)
    # Where several run at once, one alone of those with the same name would run.
    twice = [name for name, times in Counter(item.nodeid for item in items).items() if times > 1]
    if twice:
        raise pytest.UsageError(f"tests of the same name: {', '.join(twice)}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say loudly that no Kafka test ran, and why."""
    reasons = {report.longrepr[2] for report in terminalreporter.stats.get("skipped", ())}
    for reason in [each for each in reasons if _NO_KAFKA in each]:
        terminalreporter.section("Kafka tests did not run", sep="!", red=True, bold=True)
        terminalreporter.write_line(reason, red=True, bold=True)


@pytest.fixture(scope="session")
def kafka_bootstrap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address (host:port) of a Kafka broker that all tests share: work under a prefix of your own."""
    with ExitStack() as stack:
        missing = ""
        try:
            yield stack.enter_context(kafka(tmp_path_factory.mktemp("kafka")))
        except BrokerError as error:
            missing = f"{error} (or set KAFKA_BOOTSTRAP, or start Docker)"
        if missing and os.environ.get("CI") == "true":
            pytest.fail(f"CI needs a Kafka broker: {missing}", pytrace=False)
        if missing:
            pytest.skip(f"{_NO_KAFKA}: {missing}")


@pytest.fixture
def kafka_environment(kafka_bootstrap: str) -> str:  # noqa: ARG001  the prefix is for that broker
    """A topic prefix that no other test uses."""
    return f"t{uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """Superuser's connection string of the session's server; its roles are shared by all databases."""
    # Not in pytest's own folder: each run that starts takes other users' access to that away, and where root runs the tests
    # the server of every other run is another user.
    with tempfile.TemporaryDirectory(prefix="subledger-tests-") as folder, embedded_postgres(Path(folder)) as dsn:
        yield dsn


@pytest.fixture
def postgres_dsn(postgres_server: str) -> Iterator[str]:
    """Superuser's connection string of an empty database; the database is dropped after the test, whoever is connected."""
    name = f"t{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres_server, autocommit=True) as server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    yield make_conninfo(postgres_server, dbname=name)
    with psycopg.connect(postgres_server, autocommit=True) as server:
        server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
