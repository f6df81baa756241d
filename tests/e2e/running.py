"""The ledger as `subledger run` starts it (origin and projector, a process each), with a folder and database of a test's own."""

from __future__ import annotations

import asyncio
import base64
import socket
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from infra.bootstrap import open_log, open_postgres, open_vault
from infra.embedded import origin_url, ready
from infra.ledger_client import LedgerClient
from infra.postgres.books import reconcile
from infra.postgres.digest import Digest, digest
from infra.postgres.projector import project_to_end, rebuild
from infra.postgres.roles import projector_dsn
from infra.settings import Settings, ensure_secrets, load_settings, variable
from infra.supervisor import Supervisor
from tests.checker import logs
from tests.checker.check import check
from tests.checker.history import History

# With Kafka they are given; and two ledgers with the same ones make the same ids.
SECRETS = {
    "secret": "s" * 32,
    "master_key": base64.b64encode(b"m" * 32).decode(),
    "admin_key": "a" * 32,
}


@dataclass(frozen=True)
class Running:
    """``dsn`` is the projector's; ``environment`` are the variables that its processes need."""

    settings: Settings
    dsn: str
    environment: Mapping[str, str]

    @property
    def url(self) -> str:
        return origin_url(self.settings)

    @property
    def admin_key(self) -> str:
        return self.settings.admin_key_text

    def tenant_key(self, tenant: str, *permissions: str) -> str:
        """A key of a tenant (made where it is missing) with these permissions, or all."""
        return asyncio.run(self._tenant_key(tenant, permissions or ("read", "write", "backdate")))

    async def _tenant_key(self, tenant: str, permissions: Sequence[str]) -> str:
        async with LedgerClient(self.url, self.admin_key, tenant=tenant, reason="test") as admin:
            await admin.post("/v1/tenants", {"id": tenant, "name": "Acme"}, "tenant")
            body = {"name": "test", "permissions": permissions}
            reply = await admin.post("/v1/api-keys", body, f"key-{'-'.join(permissions)}")
        return str(reply.body["key"])

    def digest(self) -> Digest:
        """Of the read models, once all that is in the log stands in them. Only while nothing runs."""
        with open_log(self.settings) as log, open_vault(self.settings, log) as vault:
            project_to_end(log, self.dsn, vault)
        return digest(self.dsn)

    def rebuilt_digest(self) -> Digest:
        """The same from read models that were built anew."""
        with open_log(self.settings) as log, open_vault(self.settings, log) as vault:
            rebuild(log, self.dsn, vault)
        return digest(self.dsn)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def configured(state: Path, postgres_dsn: str, **given: str) -> Running:
    """A ledger that does not run yet: ``given`` settings beside those that keep it to itself."""
    own = {
        "state": str(state),
        "postgres_dsn": postgres_dsn,
        "port": str(free_port()),
        "projector_port": str(free_port()),
        "node": "test",
        **given,
    }
    environment = {variable(name): value for name, value in own.items()}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        settings = ensure_secrets(load_settings())
    return Running(settings, projector_dsn(postgres_dsn, settings.secret_bytes), environment)


@contextmanager
def started(running: Running) -> Iterator[None]:
    """Its processes, up and ready."""
    with open_postgres(running.settings) as admin_dsn, pytest.MonkeyPatch.context() as patch:
        for name, value in running.environment.items():
            patch.setenv(name, value)
        supervisor = Supervisor(running.settings, admin_dsn)
        patch.undo()
        try:
            supervisor.start()
            supervisor.wait(lambda: ready(running.settings))
            yield
        finally:
            supervisor.stop()


@contextmanager
def running_anew(state: Path, postgres_server: str) -> Iterator[Running]:
    """A ledger that runs, with a database of its own. Whatever is done to it, in the end its books agree, and
    the checker finds nothing in its log.
    """
    name = f"t{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres_server, autocommit=True) as server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    ledger = configured(state, make_conninfo(postgres_server, dbname=name))
    with started(ledger):
        yield ledger
        disagreements = reconcile(ledger.dsn).disagreements
        assert not disagreements, disagreements
        violations = check(History(records=logs.from_sqlite(state / "log.sqlite"), calls=[], secret=b""))
        assert not violations, violations
