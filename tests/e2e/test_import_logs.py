"""One file into both logs: the same read models, to the last row, and the same again when they are built anew."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from infra.eventlog import topics
from infra.importing.generate import generate
from infra.importing.report import ImportReport
from infra.postgres.digest import Digest
from tests.e2e.importing import REAL, assert_each_as_the_file_says, import_file
from tests.e2e.running import SECRETS, Running, configured, started

TENANT = "telco"
PARTITIONS = 12


@contextmanager
def database(server_dsn: str) -> Iterator[str]:
    """An empty database."""
    name = sql.Identifier(f"t{uuid.uuid4().hex[:12]}")
    with psycopg.connect(server_dsn, autocommit=True) as server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(name))
    yield make_conninfo(server_dsn, dbname=name.as_string().strip('"'))
    with psycopg.connect(server_dsn, autocommit=True) as server:
        server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


def imported(running: Running, path: Path) -> tuple[ImportReport, Digest]:
    """The import's report and the digest of what it came to."""
    with started(running):
        report = import_file(running, running.tenant_key(TENANT), path)
    digest = running.digest()
    assert_each_as_the_file_says(running.dsn, TENANT, path)
    return report, digest


def on_both_logs(
    path: Path, tmp_path: Path, postgres_server: str, bootstrap: str, environment: str
) -> tuple[ImportReport, Digest]:
    """Import the file into an embedded log and into Kafka, with the same secrets: the same rows, and once more by a rebuild."""
    with database(postgres_server) as dsn:
        kafka = configured(tmp_path / "kafka", dsn, environment=environment, kafka_bootstrap=bootstrap, **SECRETS)
        topics.create(bootstrap, environment, PARTITIONS, 1, 1)
        report_of_kafka, digest_of_kafka = imported(kafka, path)
    with database(postgres_server) as dsn:
        embedded = configured(tmp_path / "embedded", dsn, environment=environment, **SECRETS)
        report, digest = imported(embedded, path)
        assert (report.expected, report.ledger) == (report_of_kafka.expected, report_of_kafka.ledger)
        assert digest.tables == digest_of_kafka.tables
        assert embedded.rebuilt_digest() == digest
        return report, digest


def test_a_generated_file(tmp_path: Path, postgres_server: str, kafka_bootstrap: str, kafka_environment: str) -> None:
    path = tmp_path / "g.csv"
    total = generate(path, 60, seed=5)
    report, digest = on_both_logs(path, tmp_path, postgres_server, kafka_bootstrap, kafka_environment)
    assert report.complete
    assert digest.tables["invoices"].rows == report.ledger.invoices == total.invoices
    assert report.ledger.billed == {"USD": total.billed}


@pytest.mark.slow
@pytest.mark.skipif(not REAL.exists(), reason="the telecom company's file is not here")
def test_the_telecom_companys_file(tmp_path: Path, postgres_server: str, kafka_bootstrap: str, kafka_environment: str) -> None:
    report, digest = on_both_logs(REAL, tmp_path, postgres_server, kafka_bootstrap, kafka_environment)
    assert report.complete
    assert (report.ledger.customers, report.ledger.cancelled, report.ledger.invoices) == (7043, 1869, 227_990)
    assert report.ledger.billed == {"USD": 1_605_509_145}
    (compared,) = report.comparisons
    assert (compared.rows, compared.total) == (7032, 1_605_616_870)
    assert (digest.tables["customers"].rows, digest.tables["invoices"].rows) == (7043, 227_990)
