"""Postgres goes away and comes back: projector and query API go on by themselves."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from threading import Event as Signal
from threading import Thread

import httpx
import pytest

from infra.eventlog.sqlite import SqliteLog
from infra.postgres.embedded import embedded_postgres
from infra.postgres.migrate import migrate
from infra.postgres.projector import run_projector
from infra.postgres.roles import projector_dsn, query_dsn
from infra.postgres.snapshots import PostgresReadModels
from queries.api import create_query_app
from tests.read_models.story import PARTITIONS, FakeVault, Life, Writer

pytestmark = [pytest.mark.postgres, pytest.mark.slow]
ADMIN = {"Authorization": "Bearer admin", "x-tn": "acme"}


@pytest.fixture
def folder() -> Iterator[Path]:
    """Short enough for a socket's path, so that the server comes back at the same address."""
    folder = Path(tempfile.mkdtemp(prefix="sl-"))
    yield folder
    shutil.rmtree(folder)


async def until(client: httpx.AsyncClient, path: str, status: int) -> None:
    for _ in range(300):
        answer = await client.get(path, headers=ADMIN)
        if answer.status_code == status:
            return
        assert answer.status_code in (200, 404, 503), answer.text
        await asyncio.sleep(0.05)
    raise AssertionError(f"{path} never answered {status}")


def test_an_outage_is_a_503_and_passes(folder: Path, tmp_path: Path) -> None:
    log = SqliteLog(tmp_path / "log.sqlite", "sandbox", PARTITIONS)
    writer, stop = Writer(log), Signal()
    before, during = Life("acme", "crm-1", None), Life("acme", "crm-2", None)

    async def run() -> None:
        with embedded_postgres(folder) as dsn:
            migrate(dsn)
            projector = Thread(target=run_projector, args=(log, projector_dsn(dsn), FakeVault(), stop))
            projector.start()
            app = create_query_app(PostgresReadModels(query_dsn(dsn)), environment="sandbox", admin_key="admin")
            transport = httpx.ASGITransport(app=app)
            life, client = app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://t")
            await life.__aenter__()
            writer.write([before.told(before.customer)])
            await until(client, f"/v1/customers/{before.id}", 200)
        await until(client, f"/v1/customers/{before.id}", 503)
        writer.write([during.told(during.customer)])
        with embedded_postgres(folder) as again:
            assert again == dsn
            await until(client, f"/v1/customers/{during.id}", 200)
            stop.set()
            await asyncio.to_thread(projector.join, 10)
            assert not projector.is_alive()
            await life.__aexit__(None, None, None)
        await client.aclose()

    try:
        asyncio.run(run())
    finally:
        stop.set()
        writer.close()
        log.close()
