"""A load that does not wait for answers: what it sends and counts; and calls, taken down on their way."""

from __future__ import annotations

import asyncio
from collections import Counter

import httpx
import pytest
from aiohttp import web

from bench.harness import steady
from bench.harness.calls import Recording
from bench.harness.load import LoadFailed
from bench.harness.steady import Sent, first_answered, registered, send_again, steady_load
from subledger_client import AsyncClient, Command
from tests.checker.history import Call

CUSTOMER = "cus_00000001" + "0" * 20


def sent(partition: str, due: float, answered: float | None) -> Sent:
    return Sent(Command("/", {}), partition, due, answered)


def test_a_partition_is_served_when_what_was_due_later_is_answered() -> None:
    found = first_answered(
        [
            sent("0", due=9.9, answered=10.1),  # sent before, answered by the one that died
            sent("0", due=10.0, answered=None),
            sent("0", due=16.0, answered=18.5),
            sent("0", due=17.0, answered=17.2),
            sent("1", due=10.5, answered=None),
            sent("2", due=10.5, answered=10.6),  # not of the one that died
        ],
        since=10.0,
        partitions={"0", "1"},
    )
    assert found == {"0": 17.2}


def test_commands_are_due_whether_or_not_earlier_ones_are_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    # given a ledger that never answers until it is let
    monkeypatch.setattr(steady, "INTERVAL_S", 0.002)
    let = asyncio.Event()

    async def answer(_: httpx.Request) -> httpx.Response:
        await let.wait()
        return httpx.Response(200, json={})

    async def load() -> list[Sent]:
        customers = {"0": ["a"], "1": ["b", "c"]}
        transport = httpx.MockTransport(answer)
        # when it is asked for a while
        async with AsyncClient("http://nodes", "key", transport=transport) as client, steady_load(client, customers) as found:
            while len(found) < 8:
                await asyncio.sleep(0.001)
            assert not any(one.answered for one in found)
            let.set()
        return found

    found = asyncio.run(load())
    # then partitions take turns at the interval, customers do within theirs, and each is answered in the end
    assert Counter(one.command.path.split("/")[3] for one in found[:8]) == {"a": 4, "b": 2, "c": 2}
    assert [one.due - found[0].due for one in found[:3]] == pytest.approx([0.0, 0.001, 0.002])
    assert all(one.latency_s > 0 for one in found)


def test_what_failed_is_sent_again_under_its_key() -> None:
    # given a ledger that does only what it is asked for again
    asked = Counter[str]()

    def answer(request: httpx.Request) -> httpx.Response:
        key = request.headers["idempotency-key"]
        asked[key] += 1
        return httpx.Response(200 if asked[key] > 1 else 503, json={})

    async def load() -> list[Sent]:
        async with AsyncClient("http://nodes", "key", transport=httpx.MockTransport(answer), deadline_s=0) as client:
            async with steady_load(client, {"0": ["a"]}) as found:
                while not found:
                    await asyncio.sleep(0.001)
            assert not any(one.answered for one in found)
            await send_again(client, found)
        return found

    found = asyncio.run(load())
    assert all(one.answered for one in found)
    assert set(asked.values()) == {2}


def test_a_partition_without_customers_is_told() -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(201, json={"id": CUSTOMER}))

    async def register() -> None:
        async with AsyncClient("http://nodes", "key", transport=transport) as client:
            assert await registered(client, 2, partitions=1) == {"0": [CUSTOMER] * 2}
            await registered(client, 2, partitions=3)

    with pytest.raises(LoadFailed, match="2 customers are in 1 of 3 partitions"):
        asyncio.run(register())


def test_every_call_is_taken_down() -> None:
    # given one address at which a ledger answers, at first that it cannot, and one at which nobody does
    calls: list[Call] = []

    async def answer(_: web.Request) -> web.Response:
        if not calls:
            return web.json_response({"code": "partition-not-served"}, status=503)
        return web.json_response({"id": CUSTOMER}, status=201, headers={"Ledger-Position": "0@1"})

    async def send() -> None:
        app = web.Application()
        app.router.add_post("/v1/customers", answer)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        # when a command is sent to both in turn, the other one first
        (address,) = runner.addresses
        recording = Recording(["127.0.0.1:1", f"127.0.0.1:{address[1]}"], "acme", calls)
        async with AsyncClient("http://nodes", "key", transport=recording) as client:
            assert await client.send(Command("/v1/customers", {"storefront": "web"}, "k")) == {"id": CUSTOMER}
            assert client.position == "0@1"
        await runner.cleanup()

    asyncio.run(send())
    # then both tries are there, and each reached the ledger
    assert [(call.key, call.path, call.body, call.status) for call in calls] == [
        ("k", "/v1/customers", {"storefront": "web"}, 503),
        ("k", "/v1/customers", {"storefront": "web"}, 201),
    ]
    assert calls[1].answer == {"id": CUSTOMER}
