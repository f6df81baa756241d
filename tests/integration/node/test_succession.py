"""Commands that must not overtake each other, on a log that takes no write for a while."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable
from pathlib import Path

import pytest

from commands.ports import Answer, Succession, Unavailable
from infra.eventlog.sqlite import SqliteLog
from tests.integration.node.support import TENANT_COMMAND, registration, running, storefront_command, until


async def code(answering: Awaitable[Answer]) -> str:
    """Why it could not be done."""
    with pytest.raises(Unavailable) as failure:
        await answering
    return failure.value.code


def test_what_waited_too_long_is_not_overtaken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.eventlog.sqlite.BUSY_TIMEOUT_S", 0.05)

    async def scenario() -> None:
        log = SqliteLog(tmp_path / "log.sqlite", "sandbox", 2)
        async with running(log, tmp_path) as node:
            await until(lambda: not node.unready())
            await node.submit(TENANT_COMMAND)
            await node.submit(storefront_command("web"))
            locked = sqlite3.connect(tmp_path / "log.sqlite", isolation_level=None)
            locked.execute("BEGIN IMMEDIATE")
            # given two that follow each other, the first of which is given up soon
            succession = Succession()
            monkeypatch.setattr("infra.node.node.ANSWER_LIMIT_S", 0.1)
            first = node.submit(registration(1, "web"), succession)
            monkeypatch.setattr("infra.node.node.ANSWER_LIMIT_S", 60.0)
            second = node.submit(registration(2, "web"), succession)
            assert await code(first) in ("outcome_unknown", "log_unavailable", "partition_not_served")
            # then neither the second nor a later one is done before it
            assert await code(second) in ("earlier_unavailable", "partition_not_served")
            locked.execute("ROLLBACK")
            await until(lambda: not node.unready())
            assert await code(node.submit(registration(3, "web"), succession)) == "earlier_unavailable"
            # and sent again, in their order, all are done
            again = Succession()
            answers = [await node.submit(registration(number, "web"), again) for number in (1, 2, 3)]
            assert [answer.replayed for answer in answers] == [False, False, False]
        log.close()

    asyncio.run(scenario())
