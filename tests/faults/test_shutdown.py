"""SIGTERM while commands are under way: the node ends within seconds, and whatever it had answered is in the log."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest

from infra.ledger_client import LedgerClient
from tests.e2e.running import Running
from tests.faults.acknowledged import Receipts, Witness
from tests.faults.deployment import PARTITIONS, Log, Service
from tests.faults.load import live, open_shop
from tests.faults.lone_node import lone_node
from tests.faults.plain_reader import find, partitions
from tests.faults.raw import Answered, ask, request
from tests.integration.kafka.support import until

LIMIT_S = 5.0
CUSTOMERS = 120
# So many commands are answered before the signal comes.
BEFORE = 100

pytestmark = pytest.mark.slow


async def stopped_under_load(running: Running, key: str, node: Service, receipts: Receipts) -> int | None:
    """Send all commands of all customers, stop the node among them and start it again; gives its exit code."""
    async with LedgerClient(running.url, key, transport=Witness(receipts)) as client:
        await open_shop(client)
        lives = asyncio.gather(*(live(client, number) for number in range(CUSTOMERS)))
        while len(receipts) < BEFORE:
            await asyncio.sleep(0.005)
        code = await asyncio.to_thread(node.terminate, LIMIT_S)
        assert not lives.done(), "nothing was under way"
        node.start()
        await lives
    return code


@pytest.mark.parametrize("log", ["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def test_a_node_that_is_told_to_end_loses_no_command(log: Log, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    # given a command node
    with lone_node(log, tmp_path, request) as (running, node):
        key = running.tenant_key("shop")
        # when it is stopped under load and started again, then it ends in time and in good order
        receipts: Receipts = {}
        assert asyncio.run(stopped_under_load(running, key, node, receipts)) == 0
    # and every command is in the log, once: those that it answered, and those that were sent again
    found = find(partitions(running.settings), receipts)
    assert found.commands >= len(receipts) > CUSTOMERS * 2
    assert found.claims == 2 * (PARTITIONS + 1)


async def answered_at_the_end(running: Running, key: str, node: Service) -> tuple[Answered, int | None]:
    """What a command is told whose commit hangs when the node is stopped; and the node's exit code, once it went on."""
    node.child().suspend()
    body = {"id": "late", "name": "Late", "timezone": "Europe/Berlin"}
    sent = request("POST", "/v1/storefronts", key, body, Idempotency_Key="late")
    asked = asyncio.create_task(ask(running.settings.port, sent))
    await asyncio.to_thread(until, lambda: "subledger_commands_waiting 1.0" in httpx.get(f"{running.url}/metrics").text)
    child = node.child()
    stopping = asyncio.create_task(asyncio.to_thread(node.terminate))
    try:
        answered = await asked
    finally:
        child.resume()
    return answered, await stopping


def test_who_waits_for_a_commit_that_hangs_is_told_before_the_node_ends(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    # given a command node whose windows hang
    with lone_node("embedded", tmp_path, request) as (running, node):
        key = running.tenant_key("shop")
        # when it is stopped while a command waits
        answered, code = asyncio.run(answered_at_the_end(running, key, node))
    # then the answer is one that says what is known, and that it may be sent again
    assert (answered.status, answered.body["code"], answered.body["retryable"]) == (503, "outcome-unknown", True)
    assert code == 0


def test_a_node_whose_window_process_is_killed_ends_and_says_why(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    # given a command node
    with lone_node("embedded", tmp_path, request) as (_, node):
        # when the process that commits its windows is killed
        node.kill_child()
        # then it ends too, and its last word is one plain line
        assert node.wait() == 2
    said = (tmp_path / "commands.log").read_text()
    assert said.splitlines()[-1] == "subledger: the window process has ended, with status -9"
    assert "Traceback" not in said
