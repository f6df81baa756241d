"""A steady load on every partition: commands are sent when they are due, whether or not earlier ones have been answered, and
their times count from then. So a node that does not answer is asked as often as one that does.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import cycle
from typing import Any

from bench.harness.load import LoadFailed
from domain.ids import partition_of
from subledger_client import AsyncClient, Command, commands
from subledger_client.errors import LedgerError

INTERVAL_S = 0.05  # between two commands to one partition
_METHOD: Any = {"provider": "simulator", "token": "sim_ok"}
_AT_ONCE = 16


@dataclass(slots=True)
class Sent:
    """A command of the load on a customer in ``partition``: when it was ``due``, and when it was ``answered`` with success, by
    the monotonic clock; or the ``error`` that it met.
    """

    command: Command[Any]
    partition: str
    due: float
    answered: float | None = None
    error: Exception | None = None

    @property
    def latency_s(self) -> float:
        """From when it was due, which has to be answered."""
        assert self.answered is not None
        return self.answered - self.due


async def registered(client: AsyncClient, number: int, partitions: int) -> dict[str, list[str]]:
    """So many new customers, by partition. Raises LoadFailed where a partition has none."""
    turns, found = asyncio.Semaphore(_AT_ONCE), defaultdict[str, list[str]](list)

    async def register() -> None:
        async with turns:
            answer = await client.send(commands.register_customer(storefront="web", payment_method=_METHOD))
        found[partition_of(answer["id"], partitions)].append(answer["id"])

    await asyncio.gather(*(register() for _ in range(number)))
    if len(found) < partitions:
        raise LoadFailed(f"{number} customers are in {len(found)} of {partitions} partitions")
    return found


@asynccontextmanager
async def steady_load(client: AsyncClient, customers: Mapping[str, Sequence[str]]) -> AsyncIterator[list[Sent]]:
    """While the block runs, each partition's customers in turn have their payment method set anew. The list grows; after the
    block the client has done with all of it.
    """
    sent, over = list[Sent](), asyncio.Event()
    sending = asyncio.create_task(_send_all(client, customers, sent, over))
    try:
        yield sent
    finally:
        over.set()
        await sending


async def _send_all(client: AsyncClient, customers: Mapping[str, Sequence[str]], sent: list[Sent], over: asyncio.Event) -> None:
    turns = cycle([(partition, cycle(ids)) for partition, ids in sorted(customers.items())])
    begun, step = time.monotonic(), INTERVAL_S / len(customers)
    async with asyncio.TaskGroup() as under_way:
        for number, (partition, ids) in enumerate(turns):
            due = begun + number * step
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            if over.is_set():
                return
            command = commands.set_customer_payment_method(next(ids), payment_method=_METHOD)
            sent.append(Sent(command, partition, due))
            under_way.create_task(_send(client, sent[-1]))


async def _send(client: AsyncClient, one: Sent) -> None:
    try:
        await client.send(one.command)
    except LedgerError as error:
        one.error = error
    else:
        one.answered = time.monotonic()


async def send_again(client: AsyncClient, sent: Iterable[Sent]) -> None:
    """What has not been done, under its key. Raises LoadFailed where it still is not."""
    turns = asyncio.Semaphore(_AT_ONCE)

    async def again(one: Sent) -> None:
        async with turns:
            await _send(client, one)
        if one.answered is None:
            raise LoadFailed(f"a command on partition {one.partition} has not been done: {one.error}")

    await asyncio.gather(*(again(one) for one in sent if one.answered is None))


def first_answered(sent: Iterable[Sent], since: float, partitions: Collection[str]) -> dict[str, float]:
    """When one of the commands that were due ``since`` then was answered first, in each of these partitions that has answered."""
    found: dict[str, float] = {}
    for one in sent:
        if one.partition in partitions and one.due >= since and one.answered is not None:
            found[one.partition] = min(one.answered, found.get(one.partition, one.answered))
    return found
