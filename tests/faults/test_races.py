"""A thousand clients want the same thing at the same moment: it is done once, and each is told what became of its own request."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from infra.ledger_client import LedgerClient
from tests.faults.acknowledged import Receipt, Receipts
from tests.faults.deployment import Log
from tests.faults.load import CLOCK, open_shop
from tests.faults.lone_node import lone_node
from tests.faults.plain_reader import find, partitions
from tests.faults.raw import Answered, answer, connected, request

CLIENTS = 1000

pytestmark = pytest.mark.slow


async def all_at_once(port: int, requests: Sequence[bytes]) -> list[Answered]:
    """Each on a connection of its own, sent when all connections stand; who is told to come back does."""
    async with AsyncExitStack() as stack:
        open_ = [await stack.enter_async_context(connected(port)) for _ in requests]
        return await asyncio.gather(
            *(_answered(reader, writer, sent) for (reader, writer), sent in zip(open_, requests, strict=True))
        )


async def _answered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, sent: bytes) -> Answered:
    while True:
        writer.write(sent)
        got = await answer(reader)
        if got.status != 503:
            return got
        await asyncio.sleep(int(got.headers["retry-after"]))


def statuses(answers: Sequence[Answered]) -> dict[int, int]:
    return dict(Counter(each.status for each in answers))


def receipts(answers: Sequence[Answered]) -> set[Receipt]:
    """Those of the answers that are no problems."""
    return {Receipt(**each.body["receipt"]) for each in answers if each.status < 400}


async def same_key(port: int, key: str, customer: str) -> tuple[str, set[Receipt]]:
    """All start one subscription with one key; gives its id."""
    body = {"customer": customer, "price": "trial"}
    answers = await all_at_once(port, [request("POST", "/v1/subscriptions", key, body, Idempotency_Key="start")] * CLIENTS)
    assert statuses(answers) == {201: CLIENTS}
    assert sum("idempotent-replayed" not in each.headers for each in answers) == 1
    told = receipts(answers)
    assert len(told) == 1
    return answers[0].body["id"], told


async def same_version(port: int, key: str, customer: str) -> set[Receipt]:
    """Each changes the customer, as of version 1, with a key of its own."""
    path = f"/v1/customers/{customer}"
    sent = [
        request("POST", path, key, {"timezone": "Europe/Paris"}, Idempotency_Key=f"change-{n}", If_Match='"1"')
        for n in range(CLIENTS)
    ]
    answers = await all_at_once(port, sent)
    assert statuses(answers) == {200: 1, 412: CLIENTS - 1}
    assert {each.headers["etag"] for each in answers} == {'"2"'}
    return receipts(answers)


async def same_end(port: int, key: str, subscription: str) -> set[Receipt]:
    """Each cancels the subscription, with a key of its own."""
    path = f"/v1/subscriptions/{subscription}/cancel"
    sent = [request("POST", path, key, {"at": "now"}, Idempotency_Key=f"cancel-{n}") for n in range(CLIENTS)]
    answers = await all_at_once(port, sent)
    assert statuses(answers) == {200: 1, 409: CLIENTS - 1}
    assert all(each.body["allowed_transitions"] == [] for each in answers if each.status == 409)
    return receipts(answers)


async def race(url: str, key: str) -> Receipts:
    port = int(url.rpartition(":")[2])
    registration: dict[str, Any] = {"storefront": "web", "external_id": "wanted", "test_clock": CLOCK}
    async with LedgerClient(url, key) as client:
        await open_shop(client)
        customer = (await client.post("/v1/customers", registration, "register")).body["id"]
    subscription, started = await same_key(port, key, customer)
    changed = await same_version(port, key, customer)
    return {"start": started, "change": changed, "cancel": await same_end(port, key, subscription)}


@pytest.mark.parametrize("log", ["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def test_a_thousand_clients_race(log: Log, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    with lone_node(log, tmp_path, request) as (running, _):
        told = asyncio.run(race(running.url, running.tenant_key("shop")))
    assert find(partitions(running.settings), told).commands > len(told)
