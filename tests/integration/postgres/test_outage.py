"""Postgres goes away, or stalls, and comes back: projector and query API go on by themselves."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event as Signal
from threading import Thread

import httpx
import psutil
import pytest

from infra.eventlog.sqlite import SqliteLog
from infra.postgres import patience
from infra.postgres.counts import ProjectorCounts
from infra.postgres.embedded import embedded_postgres
from infra.postgres.migrate import migrate
from infra.postgres.projector import run_projector
from infra.postgres.roles import projector_dsn, query_dsn
from infra.postgres.snapshots import CONNECTION_WAIT_S, CONNECTIONS_MAX, QUESTION_LIMIT_S, PostgresReadModels
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


@contextmanager
def stalled(folder: Path) -> Iterator[None]:
    """The server is there, and answers nothing: a disk, or a network, that hangs."""
    postmaster = psutil.Process(int((folder / "data" / "postmaster.pid").read_text().split()[0]))
    processes = [postmaster, *postmaster.children(recursive=True)]
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in processes:
            process.resume()


def test_a_server_that_stalls_is_waited_for_a_few_seconds(folder: Path) -> None:
    async def timed(client: httpx.AsyncClient, path: str) -> float:
        begun = time.monotonic()
        answer = await client.get(path, headers=ADMIN)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
        assert answer.json()["code"] == "read-model-unavailable"
        return time.monotonic() - begun

    async def run() -> None:
        with embedded_postgres(folder) as dsn:
            migrate(dsn)
            app = create_query_app(PostgresReadModels(query_dsn(dsn)), environment="sandbox", admin_key="admin")
            transport = httpx.ASGITransport(app=app)
            async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://t") as client:
                # given a server that answered
                await until(client, "/v1/customers", 200)
                with stalled(folder):
                    # when it stalls, then more questions than there are connections are each answered, and in time
                    paths = [f"/v1/customers/cus_{'0' * 28}/entitlements/hd", *["/v1/customers"] * 2 * CONNECTIONS_MAX]
                    waits = await asyncio.gather(*(timed(client, path) for path in paths))
                    assert max(waits) < QUESTION_LIMIT_S + CONNECTION_WAIT_S + 2
                # when it goes on, then so do the answers
                await until(client, "/v1/customers", 200)

    asyncio.run(run())


def test_a_projector_breaks_off_with_a_server_that_stalls(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "STALLED_S", 1.0)
    log, stop, counts = SqliteLog(tmp_path / "log.sqlite", "sandbox", PARTITIONS), Signal(), ProjectorCounts()
    with embedded_postgres(folder) as dsn:
        migrate(dsn)
        arguments = (log, projector_dsn(dsn), FakeVault(), stop, None, counts)
        projector = Thread(target=run_projector, args=arguments)
        projector.start()
        # given a projector that follows
        soon(lambda: counts.waiting_for == "")
        # when Postgres stalls, then it says so
        with stalled(folder):
            soon(lambda: "stalls" in counts.waiting_for)
        # when it goes on, then so does the projector
        soon(lambda: counts.waiting_for == "")
        # and it ends when it is told to, whatever Postgres does
        monkeypatch.setattr(patience, "STALLED_S", 60.0)
        with stalled(folder):
            stop.set()
            projector.join(patience.ENDING_S + 10)
            assert not projector.is_alive()


def soon(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)
