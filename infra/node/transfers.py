"""Transfers of subscriptions: the owner of the other customer's partition is asked, wherever it is, until it answers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from commands.command import Command
from commands.ports import Answer, Unavailable
from commands.subscription.transfer import answer_command, handover, takeover_command
from domain.errors import Refusal
from domain.ids import partition_of
from domain.subscription.aggregate import Subscription
from domain.subscription.values import Handover
from infra.node.cluster import Cluster

RETRY_S = 0.5


class Transfers:
    """``partitions`` is their number, ``submit`` takes a command of one of this node's; ``cluster`` None: there is one node."""

    def __init__(self, partitions: int, submit: Callable[[Command], Awaitable[Answer]], cluster: Cluster | None) -> None:
        self._partitions = partitions
        self._submit = submit
        self._cluster = cluster

    async def outcome(self, subscription: Subscription, clock: str | None) -> Command:
        """Ask until it is known whether the other customer has it; ``clock`` is the test clock that its customer lives on."""
        asked = handover(subscription, clock)
        while True:
            try:
                return answer_command(subscription, await self._ask(asked))
            except Unavailable:
                await asyncio.sleep(RETRY_S)

    async def _ask(self, asked: Handover) -> str | None:
        if self._cluster is None:
            return await self.here(asked)
        partition = partition_of(asked.to.customer, self._partitions)
        return await self._cluster.take_over(partition, asked, partial(self.here, asked))

    async def here(self, asked: Handover) -> str | None:
        """Take over in a partition of this node; gives the code of the refusal, if it is refused. Raises Unavailable."""
        try:
            await self._submit(takeover_command(asked))
        except Refusal as refusal:
            return refusal.code
        return None
