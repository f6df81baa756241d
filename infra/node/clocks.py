"""Time moves: timers on the wall clock fire as they fall due; an advanced test clock has all that was due before it done, in
order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime
from weakref import WeakValueDictionary

import structlog

from commands.agenda import CHECK
from commands.ports import Unavailable
from commands.timers import timer_command
from domain.catalog.aggregates import Clock
from domain.customer.aggregate import Customer
from domain.payment.aggregate import Payment
from infra.node.effects import Effects
from infra.node.partition import Served
from infra.node.streams import clock_name

_log = structlog.get_logger(__name__)

TICK_S = 0.2
BUSY_S = 0.005
WAITING_MAX = 36  # of a partition's timers and outcomes, before further timers wait
RESTING_TIMERS = 20  # as many of a customer whose timers wait are passed over, before they hide others
BATCH = 1000
CUSTOMERS_AT_ONCE = 256


class Clocks:
    """``served`` gives the ledger partitions that this node decides for now."""

    def __init__(self, served: Callable[[], Iterable[Served]], effects: Effects) -> None:
        self._served = served
        self._effects = effects
        self._advancing: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    async def run(self) -> None:
        """Fire wall-clock timers until cancelled."""
        while True:
            more = False
            for partition in list(self._served()):
                if not partition.gone:  # it may have been lost while others fired
                    more = self.fire(partition) or more
                await asyncio.sleep(0)
            await asyncio.sleep(BUSY_S if more else TICK_S)

    def fire(self, partition: Served) -> bool:
        """What is due on the wall clock in one partition, and whether more is; a payment's check sends the attempt again.

        Bounded by what waits already: a million renewals at midnight must leave room for a client's command.
        """
        now = partition.now()
        limit = 2 * WAITING_MAX + RESTING_TIMERS * len(partition.resting)
        found = partition.queries.due_timers("", now, inclusive=True, limit=limit)
        due = [timer for timer in found if not partition.rests(timer.key, now)]
        for timer in due:
            if timer.kind == CHECK:
                self._check(partition, timer.key, timer.stream, timer.due, now)
        for key in dict.fromkeys(timer.key for timer in due if timer.kind != CHECK):
            room = WAITING_MAX - len(partition.own)
            if room <= 0:
                break
            partition.fire_due(key, room)
        return len(due) > 0

    def _check(self, partition: Served, key: str, stream: str, due: datetime, at: datetime) -> None:
        payment = partition.shard.current(key, stream)
        if isinstance(payment, Payment) and payment.check_at == due:
            self._effects.charge(payment, at)

    async def advance(self, clock: Clock, partitions: Iterable[Served]) -> None:
        """Do, customer by customer, all that was due before the clock's time; raises Unavailable where a partition is lost
        meanwhile.
        """
        name = clock_name(clock.tenant, clock.clock)
        limit = asyncio.Semaphore(CUSTOMERS_AT_ONCE)
        await asyncio.gather(*(self._advance_partition(partition, name, clock.now, limit) for partition in list(partitions)))

    async def _advance_partition(self, partition: Served, name: str, until: datetime, limit: asyncio.Semaphore) -> None:
        async def one(key: str) -> None:
            async with limit:
                await self._advance_customer(partition, key, until)

        # One at a time: what another one has under way is neither due any more nor done.
        async with self._advancing.setdefault((partition.name, name), asyncio.Lock()):
            await partition.rest()
            for customer in self._effects.customers():
                if _lives_on(partition.checked(), customer, name):
                    await self._effects.idle(customer)
            while due := partition.checked().queries.due_timers(name, until, inclusive=False, limit=BATCH):
                await asyncio.gather(*(one(key) for key in dict.fromkeys(timer.key for timer in due)))

    async def _advance_customer(self, partition: Served, key: str, until: datetime) -> None:
        tenant, _, customer = key.partition("/")
        await self._effects.idle(customer)
        while (timer := partition.checked().shard.timer(key)) is not None and timer.due < until:
            if timer.kind == CHECK:
                self._check(partition, key, timer.stream, timer.due, timer.due)
            else:
                at = partition.shard.clock_time(key, timer)
                command = timer_command(tenant, customer, timer.stream, timer.kind, timer.due, at)
                await partition.enqueue(command).future
            await self._effects.idle(customer)
            if partition.checked().shard.timer(key) == timer:
                raise Unavailable("partition_not_served", f"{timer.kind} of {timer.stream} could not be done; advance again.")


def _lives_on(partition: Served, customer: str, name: str) -> bool:
    found = partition.streams.load(customer)
    return isinstance(found, Customer) and clock_name(found.tenant, found.clock) == name
