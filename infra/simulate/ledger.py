"""A ledger that nobody else uses, in a folder and in this process."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path

import httpx

from infra.http.requests import Requests
from infra.ledger_client import LedgerClient
from infra.serve import command_side
from infra.settings import Settings, load_settings

TENANT = "simulation"
# A month of many customers takes its time, and nobody else waits for this ledger.
PATIENCE_S = 3600.0


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[LedgerClient]:
    """The ledger of a sandbox, in this process, with a tenant; and a client that may do everything there."""
    async with command_side(settings, Requests(), None) as (_, app, _):
        transport, url = httpx.ASGITransport(app), "http://simulation"
        async with LedgerClient(url, settings.admin_key_text, tenant=TENANT, reason="simulate", transport=transport) as admin:
            await admin.post("/v1/tenants", {"id": TENANT, "name": "Simulation"}, "tenant")
            reply = await admin.post("/v1/api-keys", {"name": "simulate", "permissions": ["read", "write", "backdate"]}, "key")
        async with LedgerClient(url, reply.body["key"], patience_s=PATIENCE_S, transport=transport) as client:
            yield client


def sandbox(folder: Path, seed: int = 0) -> Settings:
    """A ledger of its own in a folder, whatever the environment says. Its secrets keep nothing secret: they make ids repeat."""
    secret = sha256(f"simulation {seed}".encode()).digest()
    return load_settings(
        environment="simulation",
        state=folder,
        kafka_bootstrap=None,
        simulator_book=None,
        snapshots=None,
        partitions=1,
        log_level="error",
        secret=secret.hex(),
        master_key=b64encode(secret).decode(),
        admin_key=f"admin_{secret.hex()}",
    )
