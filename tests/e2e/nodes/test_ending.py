"""Nodes end and die while requests go through them: every call is answered, and has one effect."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from subledger_client import AsyncClient, Client, commands
from tests.e2e.nodes.cluster import Cluster, customer
from tests.faults.raw import request
from tests.integration.kafka.support import until

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

BATCH = 10
END_LIMIT_S = 5.0
# So that the nodes have time to start beside them.
PAUSE_S = 0.05


async def registering(two: Cluster, prefix: str, senders: list[int], meanwhile: Callable[[], Awaitable[None]]) -> list[str]:
    """External ids of the customers that were registered while something happened: at each of these nodes by a client that sends
    them one after the other, and by one that sends batches. A client's standard patience is all that it has.
    """
    done: list[str] = []
    ended = asyncio.Event()

    async def send(client: AsyncClient, name: str) -> None:
        number = 0
        while not ended.is_set():
            id = f"{prefix}-{name}-{number}"
            await client.send(commands.register_customer(storefront="web", external_id=id))
            done.append(id)
            number += 1
            await asyncio.sleep(PAUSE_S)

    async def send_batches(client: AsyncClient, name: str) -> None:
        number = 0
        while not ended.is_set():
            ids = [f"{prefix}-{name}-{number}-{line}" for line in range(BATCH)]
            batch = (commands.register_customer(storefront="web", external_id=id) for id in ids)
            async for result in client.batch(batch):
                done.append(str(result.answer()["external_id"]))
            number += 1
            await asyncio.sleep(PAUSE_S)

    async with AsyncExitStack() as stack, asyncio.TaskGroup() as all_of_them:
        key = two.headers["Authorization"].split()[1]
        for number, node in enumerate(senders):
            client = await stack.enter_async_context(AsyncClient(two.nodes[node].url, key))
            all_of_them.create_task(send(client, f"one-{number}"))
            all_of_them.create_task(send_batches(client, f"batch-{number}"))
        while len(done) < 2 * BATCH * len(senders):
            await asyncio.sleep(0.01)
        await meanwhile()
        ended.set()
    return done


def assert_registered_once(two: Cluster, external_ids: list[str]) -> None:
    """Each of them, by one event."""
    found = Counter(record.attributes["subject"] for record in two.records("customer.registered.v1"))
    assert {found[customer(id)] for id in external_ids} == {1}


def test_no_call_fails_while_one_node_after_the_other_is_restarted(two: Cluster) -> None:
    # given clients that send to both nodes
    async def restarts() -> None:
        for service in two.services:
            # when a node is told to end, then it does in time and in good order
            assert await asyncio.to_thread(service.terminate, END_LIMIT_S) == 0
            service.start()
            await asyncio.to_thread(two.wait_ready)

    done = asyncio.run(registering(two, "restart", [0, 1, 0, 1], restarts))
    # and every call was answered with what was done once
    assert_registered_once(two, done)


def test_what_is_forwarded_to_a_node_that_is_killed_is_done_once(two: Cluster) -> None:
    # given clients that send to one node alone
    async def killed() -> None:
        # when the other one is killed, and its partitions are taken over
        two.services[0].kill()
        await asyncio.to_thread(until, lambda: two.log.owners().keys() == {two.nodes[1].settings.address}, 60)
        two.services[0].start()
        await asyncio.to_thread(two.wait_ready)

    done = asyncio.run(registering(two, "killed", [1, 1], killed))
    # then every call was answered with what was done once
    assert_registered_once(two, done)


def test_a_client_that_goes_away_cancels_nothing(two: Cluster) -> None:
    # when a client has sent a command for the other node's customer, and closes its connection
    external_id = two.customer_of(0, "gone")
    body = {"storefront": "web", "external_id": external_id}
    sent = request("POST", "/v1/customers", two.headers["Authorization"].split()[1], body)

    async def send_and_go() -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", two.nodes[1].settings.port)
        writer.write(sent)
        await writer.drain()
        writer.close()

    asyncio.run(send_and_go())
    # then it is done
    until(lambda: bool(two.of_customer(customer(external_id), "customer.registered.v1")), 10)


@pytest.mark.parametrize("killed", [0, 1])
def test_a_batch_goes_on_after_a_takeover(two: Cluster, killed: int) -> None:
    # given a batch for the customers of both nodes, sent to one of them
    ids = [f"batch-{killed}-{number}" for number in range(1000)]
    key = two.headers["Authorization"].split()[1]
    results: list[int] = []
    with Client(two.nodes[1].url, key) as client:
        for result in client.batch(commands.register_customer(storefront="web", external_id=id).keyed(id) for id in ids):
            if not results:
                # when a node is killed among its lines, the one that was asked or the other one
                two.services[killed].kill()
                two.services[killed].start()
            results.append(result.status)
    # then each line has its result in the end, and was done once
    assert results == [201] * len(ids)
    assert_registered_once(two, ids)
    two.wait_ready()
