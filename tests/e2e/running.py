"""The ledger as `subledger run` starts it (origin and projector, a process each), with a folder and database of a test's own."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from infra.bootstrap import open_log, open_postgres, open_vault
from infra.embedded import origin_url, ready
from infra.ledger_client import LedgerClient
from infra.postgres.digest import Digest, digest
from infra.postgres.projector import project_to_end, rebuild
from infra.postgres.roles import projector_dsn
from infra.settings import Settings, ensure_secrets, load_settings, variable
from infra.supervisor import Supervisor

TENANT = "acme"


@dataclass(frozen=True)
class Running:
    """``dsn`` is the projector's."""

    settings: Settings
    dsn: str

    @property
    def url(self) -> str:
        return origin_url(self.settings)

    @property
    def admin_key(self) -> str:
        return self.settings.admin_key_text

    def tenant_key(self) -> str:
        """A key with every permission in the tenant ``acme``; the same one each time."""
        return asyncio.run(self._tenant_key())

    async def _tenant_key(self) -> str:
        async with LedgerClient(self.url, self.admin_key, tenant=TENANT, reason="test") as admin:
            await admin.post("/v1/tenants", {"id": TENANT, "name": "Acme"}, "tenant")
            permissions = ["read", "write", "backdate"]
            reply = await admin.post("/v1/api-keys", {"name": "test", "permissions": permissions}, "key")
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


@contextmanager
def settings_for(state: Path, postgres_dsn: str, given: Mapping[str, str]) -> Iterator[Running]:
    """Settings in the environment, where the processes find them; nothing runs yet."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    own = {"state": str(state), "postgres_dsn": postgres_dsn, "port": str(port), "node": "test", **given}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in own.items():
            patch.setenv(variable(name), value)
        settings = ensure_secrets(load_settings())
        yield Running(settings, projector_dsn(postgres_dsn, settings.secret_bytes))


@contextmanager
def started(running: Running) -> Iterator[None]:
    """Its processes, up and ready."""
    with open_postgres(running.settings) as admin_dsn:
        supervisor = Supervisor(running.settings, admin_dsn)
        try:
            supervisor.start()
            supervisor.wait(lambda: ready(running.settings))
            yield
        finally:
            supervisor.stop()
