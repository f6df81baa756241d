"""One node on the embedded log: what it does when the log takes no write."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from commands.catalog.change_storefront import ChangeStorefront, change_storefront
from commands.ports import Unavailable
from infra.eventlog.sqlite import SqliteLog
from tests.integration.node.support import TENANT_COMMAND, catalog_command, running, storefront_command, until


def test_a_log_that_takes_no_write_is_told_and_heals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.eventlog.sqlite.BUSY_TIMEOUT_S", 0.1)

    async def scenario() -> None:
        log = SqliteLog(tmp_path / "log.sqlite", "sandbox", 2)
        async with running(log, tmp_path) as node:
            await until(lambda: not node.unready())
            await node.submit(TENANT_COMMAND)
            locked = sqlite3.connect(tmp_path / "log.sqlite", isolation_level=None)
            locked.execute("BEGIN IMMEDIATE")
            waiting = asyncio.ensure_future(node.submit(storefront_command("web")))
            await until(lambda: any("takes no write" in reason for reason in node.unready()), 20)
            locked.execute("ROLLBACK")
            assert (await waiting).replayed is False
            assert node.unready() == []
        log.close()

    asyncio.run(scenario())


def test_a_duplicate_outlives_the_request_that_it_repeats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.eventlog.sqlite.BUSY_TIMEOUT_S", 0.1)
    monkeypatch.setattr("infra.node.node.ANSWER_LIMIT_S", 1.0)

    async def scenario() -> None:
        log = SqliteLog(tmp_path / "log.sqlite", "sandbox", 2)
        async with running(log, tmp_path) as node:
            await until(lambda: not node.unready())
            await node.submit(TENANT_COMMAND)
            # given a log that is locked for longer than the first of two equal requests waits
            locked = sqlite3.connect(tmp_path / "log.sqlite", isolation_level=None)
            locked.execute("BEGIN IMMEDIATE")
            first = asyncio.ensure_future(node.submit(storefront_command("web")))
            await asyncio.sleep(0.8)
            second = asyncio.ensure_future(node.submit(storefront_command("web")))
            with pytest.raises(Unavailable):
                await first
            # when the log is free again
            await asyncio.sleep(0.3)
            locked.execute("ROLLBACK")
            # then the second is answered, it was done once, and the node goes on
            answer = await second
            assert (await node.submit(storefront_command("web"))).position == answer.position
            assert (await node.submit(storefront_command("tv"))).position != answer.position
        log.close()

    asyncio.run(scenario())


def test_a_preview_is_shown_once_what_it_rests_on_has_committed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.eventlog.sqlite.BUSY_TIMEOUT_S", 0.1)
    renamed = catalog_command("renamed", lambda unit: change_storefront(unit, "web", ChangeStorefront(name="Shop")))

    async def scenario() -> None:
        log = SqliteLog(tmp_path / "log.sqlite", "sandbox", 2)
        async with running(log, tmp_path) as node:
            await until(lambda: not node.unready())
            await node.submit(TENANT_COMMAND)
            # given a storefront that is decided, and a log that takes no write
            locked = sqlite3.connect(tmp_path / "log.sqlite", isolation_level=None)
            locked.execute("BEGIN IMMEDIATE")
            made = asyncio.ensure_future(node.submit(storefront_command("web")))
            # when it is asked what a change of it would do
            shown = asyncio.ensure_future(node.preview(renamed))
            await until(lambda: any("takes no write" in reason for reason in node.unready()), 20)
            # then the answer waits for the storefront
            assert not shown.done()
            locked.execute("ROLLBACK")
            preview = await shown
            assert ([event.TOPIC for event, _ in preview.events], preview.position) == (
                ["storefront.changed.v2"], (await made).position,
            )  # fmt: skip
            # and has done nothing
            assert (await node.submit(renamed)).version == 2
        log.close()

    asyncio.run(scenario())
