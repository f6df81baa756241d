"""Timers on the wall clock, partition after partition."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, cast

from infra.node.clocks import Clocks
from infra.node.effects import Effects
from infra.node.partition import Served
from tests.integration.node.support import until


class Partition:
    """Nothing is due in it; ``then`` happens when it has been asked."""

    def __init__(self, then: Callable[[], None] = lambda: None) -> None:
        self.gone = False
        self.asked = 0
        self.queries = self
        self.resting: dict[str, datetime] = {}
        self._then = then

    def now(self) -> datetime:
        return datetime.now(UTC)

    def due_timers(self, *_: Any, **__: Any) -> list[Any]:
        assert not self.gone, "its index is closed"
        self.asked += 1
        self._then()
        return []


def test_a_partition_that_is_lost_while_another_fires_is_passed_over() -> None:
    """Found by simulation: the node ended."""

    async def scenario() -> None:
        lost = Partition()
        kept = Partition(lambda: setattr(lost, "gone", True))
        served = [cast(Served, kept), cast(Served, lost)]
        ticking = asyncio.create_task(Clocks(lambda: served, cast(Effects, None)).run())
        await until(lambda: kept.asked == 2 or ticking.done())
        assert not ticking.done()
        assert lost.asked == 0
        ticking.cancel()

    asyncio.run(scenario())
