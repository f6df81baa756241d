"""A query app over the story, as projected from an embedded log."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from commands.catalog.api_keys import key_hash
from domain.catalog.aggregates import ApiKey
from domain.catalog.events import Permission
from infra.eventlog.sqlite import SqliteLog
from infra.postgres.migrate import migrate
from infra.postgres.projector import project_to_end
from infra.postgres.roles import projector_dsn, query_dsn
from infra.postgres.snapshots import PostgresReadModels
from queries.api import create_query_app
from tests.read_models.keys import new_key
from tests.read_models.story import DAY, PARTITIONS, T0, FakeVault, Life, Writer, tell, told

ADMIN_KEY = "admin-key-of-the-tests"
NOW = T0 + DAY


class Client:
    """Asks a query app without a network; every call is one run of an event loop."""

    def __init__(self, dsn: str, now: Callable[[], datetime] = lambda: NOW) -> None:
        self._dsn = dsn
        self._now = now
        self.headers: dict[str, str] = {}

    def at(self, now: Callable[[], datetime]) -> Client:
        """The same client in another present."""
        other = Client(self._dsn, now)
        other.headers = self.headers
        return other

    def get(self, path: str, headers: Mapping[str, str] | None = None, method: str = "GET") -> httpx.Response:
        sent = {**self.headers, **(headers or {})}
        response: httpx.Response = self.run(lambda client: client.request(method, path, headers=sent))
        return response

    def run(self, ask: Callable[[httpx.AsyncClient], Any]) -> Any:
        async def asked() -> Any:
            app = create_query_app(PostgresReadModels(self._dsn), environment="sandbox", admin_key=ADMIN_KEY, now=self._now)
            transport = httpx.ASGITransport(app=app)
            async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://t") as client:
                return await ask(client)

        return asyncio.run(asked())


def write_story(log: SqliteLog, keys: Mapping[str, str]) -> Writer:
    """The story, and the keys of the tests."""
    writer = Writer(log)
    writer.write(list(tell()))
    for number, (name, text) in enumerate(keys.items()):
        tenant = name.split()[0]
        permissions: tuple[Permission, ...] = ("write",) if "writes" in name else ("read",)
        hashed, id = key_hash(text), f"key_t{number}"
        key = ApiKey.issue(tenant, id, name=name, permissions=permissions, secret_hash=hashed, now=T0)
        writer.write([told(tenant, None, key)])
    return writer


@pytest.fixture(scope="session")
def keys() -> dict[str, str]:
    """The text of a reading key of each tenant, and of one that only writes."""
    return {name: new_key("sandbox", name.split()[0]) for name in ("acme", "other", "acme writes")}


@pytest.fixture(scope="session")
def told_dsn(postgres_server: str, tmp_path_factory: pytest.TempPathFactory, keys: Mapping[str, str]) -> str:
    """A database with the story that no test changes; its server goes with the session."""
    name = "queries_story"
    with psycopg.connect(postgres_server, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}".encode())
    dsn = make_conninfo(postgres_server, dbname=name)
    migrate(dsn)
    log = SqliteLog(tmp_path_factory.mktemp("story") / "log.sqlite", "sandbox", PARTITIONS)
    write_story(log, keys).close()
    project_to_end(log, projector_dsn(dsn), FakeVault())
    log.close()
    return dsn


@pytest.fixture
def client(told_dsn: str, keys: Mapping[str, str]) -> Client:
    """A client with the key of tenant acme, after the story."""
    return _acme(told_dsn, keys)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[SqliteLog]:
    log = SqliteLog(tmp_path / "log.sqlite", "sandbox", PARTITIONS)
    yield log
    log.close()


@pytest.fixture
def writer(log: SqliteLog, keys: Mapping[str, str]) -> Iterator[Writer]:
    """Goes on after the story, in a log of the test's own."""
    writer = write_story(log, keys)
    yield writer
    writer.close()


@pytest.fixture
def project(log: SqliteLog, postgres_dsn: str) -> Callable[[], None]:
    """Projects that log into a database of the test's own."""
    migrate(postgres_dsn)
    return lambda: project_to_end(log, projector_dsn(postgres_dsn), FakeVault())


@pytest.fixture
def own(writer: Writer, project: Callable[[], None], postgres_dsn: str, keys: Mapping[str, str]) -> Client:  # noqa: ARG001
    """A client with the key of tenant acme, of that database."""
    project()
    return _acme(postgres_dsn, keys)


def _acme(dsn: str, keys: Mapping[str, str]) -> Client:
    client = Client(query_dsn(dsn))
    client.headers["Authorization"] = f"Bearer {keys['acme']}"
    return client


@pytest.fixture
def troubled() -> str:
    """The id of the customer on a test clock."""
    return Life("acme", "crm-1", "clk_1").id


@pytest.fixture
def resting() -> str:
    """The id of the customer with a discount, a credit note, and invoices that were written off, voided and laid out."""
    return Life("acme", "crm-4", None).id


@pytest.fixture
def plain() -> str:
    """The id of the customer in wall time."""
    return Life("acme", "crm-2", None).id
