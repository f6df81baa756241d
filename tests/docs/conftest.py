"""Ledgers for the pages' examples, each with a small demo tenant: the embedded one, and one whose log is on Kafka."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from infra.demo.load import load_demo
from infra.eventlog import topics
from infra.settings import variable
from tests.docs.pages import ROOT
from tests.e2e.running import configured, started
from tests.integration.kafka.support import delete_topics

CUSTOMERS = 30
SECRETS = {
    "secret": "pages-of-the-documentation-have-no-secret",
    "master_key": "cGFnZXMtb2YtdGhlLWRvY3VtZW50YXRpb24taGF2ZS4=",
    "admin_key": "admin_of_the_pages_of_the_documentation",
}

Shell = Mapping[str, str]


@pytest.fixture(scope="session")
def embedded(postgres_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """The environment of somebody in a shell beside the ledger of `make run`."""
    with _ledger(tmp_path_factory.mktemp("docs"), postgres_server, "docs_embedded", {}) as shell:
        yield shell


@pytest.fixture(scope="session")
def on_kafka(postgres_server: str, kafka_bootstrap: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """The same where the log is on Kafka."""
    environment = f"docs-{os.getpid()}"
    topics.create(kafka_bootstrap, environment, 3, 1, 1)
    given = {"kafka_bootstrap": kafka_bootstrap, "environment": environment, **SECRETS}
    with _ledger(tmp_path_factory.mktemp("docs"), postgres_server, "docs_kafka", given) as shell:
        yield shell | {"BROKER": kafka_bootstrap, "TOPICS": environment}
    delete_topics(kafka_bootstrap, environment)


@contextmanager
def _ledger(folder: Path, postgres_server: str, database: str, given: Mapping[str, str]) -> Iterator[dict[str, str]]:
    with psycopg.connect(postgres_server, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {database}")
    dsn = make_conninfo(postgres_server, dbname=database)
    running = configured(folder / ".subledger", dsn, **given)
    with started(running):
        report = asyncio.run(load_demo(running.url, running.admin_key, running.dsn, _untold, customers=CUSTOMERS))
        own = dict(running.environment)
        del own[variable("postgres_dsn")]  # a reader of the pages lets the embedded one be
        yield own | {
            "PATH": f"{_command(folder)}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": f"{ROOT}:{ROOT / 'sdk' / 'python'}",
            "COLUMNS": "120",
            "LEDGER": running.url,
            "ADMIN": running.admin_key,
            "KEY": report.api_key,
            "READ_KEY": report.read_key,
            "CUSTOMER": report.customer,
            "SUBSCRIPTION": report.subscription,
        }


def _command(folder: Path) -> Path:
    """A folder with the command ``subledger``, whether or not the project is installed."""
    command = folder / "bin" / "subledger"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -c "from infra.cli import main; main()" "$@"\n')
    command.chmod(0o755)
    return command.parent


def _untold(_what: str, _done: int, _total: int) -> None:
    """Nobody watches."""
