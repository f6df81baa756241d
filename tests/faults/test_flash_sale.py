"""Far more comes at once than can be done: everybody is answered, and what was acknowledged is in the log once."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest

from bench.harness.open_loop import Posts, Sent, Step, send
from domain.ids import keyed_hash
from infra.ledger_client import LedgerClient
from tests.e2e.running import SECRETS, Running
from tests.faults.lone_node import lone_node
from tests.faults.plain_reader import counted, partitions
from tests.faults.raw import ask
from tests.faults.raw import request as raw_request
from tests.integration.kafka.support import until

TENANT = "shop"
STEPS = (Step(500, 1.0), Step(20, 0.5))
CONNECTIONS = 600
# So many are refused before anything more is done. Each holds its connection for a second.
REFUSED = 200

pytestmark = pytest.mark.slow


def sale(running: Running, key: str) -> list[Sent]:
    """What came of registrations, each of another customer."""
    body = '{"storefront":"web","external_id":"{}"}'
    values = [f"u-{number}" for number in range(10_000)]
    return send(running.url, Posts("/v1/customers", key, values, body, "sale"), STEPS, connections=CONNECTIONS)


def commands(running: Running) -> Counter[str]:
    """How often a command counts in the log, by its id."""
    return Counter(
        headers["ce_commandid"]
        for _, records in partitions(running.settings)
        for headers, _ in counted(records)
        if headers["ce_commandindex"] == "1"
    )


def command_id(sent: Sent) -> str:
    return f"client:{keyed_hash(SECRETS['secret'].encode(), 'command', TENANT, sent.key)}"


@contextmanager
def nothing_commits(running: Running) -> Iterator[None]:
    """Somebody else keeps the log locked."""
    with closing(sqlite3.connect(running.settings.state / "log.sqlite", isolation_level=None)) as log:
        log.execute("BEGIN IMMEDIATE")
        yield


def refused(running: Running) -> int:
    """How many registrations were told that too many wait."""
    lines = httpx.get(f"{running.url}/metrics").text.splitlines()
    return sum(
        int(float(line.split()[-1])) for line in lines if line.startswith("subledger_commands_total") and "throttled" in line
    )


async def opened(running: Running, key: str) -> None:
    async with LedgerClient(running.url, key) as client:
        await client.post("/v1/storefronts", {"id": "web", "name": "Web"}, "web")


def test_a_flash_sale_loses_nothing_and_leaves_nobody_without_an_answer(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    # given a node at which few commands may wait
    with lone_node("embedded", tmp_path, request, partitions="1", max_waiting="12") as (running, _), ThreadPoolExecutor() as pool:
        key = running.tenant_key(TENANT)
        asyncio.run(opened(running, key))
        # when far more clients come than it serves for a while
        with nothing_commits(running):
            selling = pool.submit(sale, running, key)
            until(lambda: refused(running) >= REFUSED)
        sent = selling.result()
        # then each has an answer, and what more comes afterwards is done
        answers = Counter(each.status for each in sent)
        assert answers.keys() == {201, 429}, answers
        assert answers[429] >= REFUSED
        late = raw_request("POST", "/v1/customers", key, {"storefront": "web", "external_id": "late"}, Idempotency_Key="late")
        assert asyncio.run(ask(running.settings.port, late)).status == 201
        done = commands(running)
    # and the log, read by plain clients, holds what was acknowledged once, nothing twice, and nothing that was refused
    assert {done[command_id(each)] for each in sent if each.status == 201} == {1}
    assert {done[command_id(each)] for each in sent if each.status == 429} == {0}
    assert set(done.values()) == {1}
