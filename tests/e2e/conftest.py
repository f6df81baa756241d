"""One running ledger for all tests of a module: they keep apart by tenants."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from tests.e2e.running import Running, configured, started


@pytest.fixture(scope="module")
def running(postgres_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The embedded default, running: origin and projector."""
    name = f"t{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres_server, autocommit=True) as server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    ledger = configured(tmp_path_factory.mktemp("state"), make_conninfo(postgres_server, dbname=name))
    with started(ledger):
        yield ledger
