"""Test clocks move in the partitions of all nodes; where a partition changes hands on the way, its next owner goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from functools import partial

import structlog

from commands.ports import Unavailable
from domain.catalog.aggregates import Clock
from infra.eventlog.record import CATALOG
from infra.node.catalog import NodeCatalog
from infra.node.clocks import Clocks
from infra.node.cluster import Cluster
from infra.node.partition import Served
from infra.node.partitions import Partitions

CATALOG_LIMIT_S = 2.0

_log = structlog.get_logger(__name__)


class Advances:
    """``may_decide`` tells whether the catalog has been read far enough for a partition, ``served`` gives those for which it has;
    ``cluster`` None: there is one node.
    """

    def __init__(
        self,
        catalog: NodeCatalog,
        partitions: Partitions,
        clocks: Clocks,
        may_decide: Callable[[Served], bool],
        served: Callable[[], Iterable[Served]],
        cluster: Cluster | None,
    ) -> None:
        self._catalog = catalog
        self._partitions = partitions
        self._clocks = clocks
        self._may_decide = may_decide
        self._served = served
        self._cluster = cluster
        self._resumes: set[asyncio.Task[None]] = set()

    async def everywhere(self, clock: Clock, names: Sequence[str]) -> list[str]:
        """In all of the ledger's partitions; gives the positions where all that followed stands. Raises Unavailable."""
        sequence = self._catalog.view.sequence
        # Twice: what goes over from one partition to another meanwhile is due there only then.
        for _ in range(2):
            ends = await asyncio.gather(*(self._in_one(name, clock, sequence) for name in names))
        found = dict(zip(names, ends, strict=True)) | {CATALOG: self._catalog.view.sequence}
        return [f"{name}@{end}" for name, end in found.items() if end]

    async def _in_one(self, name: str, clock: Clock, catalog_sequence: int) -> int:
        here = partial(self.here, name, clock.tenant, clock.clock, catalog_sequence)
        if self._cluster is None:
            return await here()
        return await self._cluster.advance(name, clock, catalog_sequence, here)

    async def here(self, partition: str, tenant: str, clock: str, catalog_sequence: int) -> int:
        """In a partition of this node; gives its last sequence. Raises Unavailable."""
        served = self._partitions.get(partition)
        if not await self._catalog.reaches(catalog_sequence, CATALOG_LIMIT_S) or not self._may_decide(served):
            raise Unavailable("catalog_behind", "The catalog has not been read far enough yet.")
        (found,) = (each for each in self._catalog.view.clocks() if (each.tenant, each.clock) == (tenant, clock))
        await self._clocks.advance(found, [served])
        return served.sequence

    def resume(self) -> None:
        """Let what this node serves go on to where every clock stands."""
        task = asyncio.get_running_loop().create_task(self._resume())
        self._resumes.add(task)
        task.add_done_callback(self._resumes.discard)

    async def _resume(self) -> None:
        for clock in self._catalog.view.clocks():
            try:
                await self._clocks.advance(clock, self._served())
            except Unavailable as unavailable:
                _log.warning("test clock not resumed", clock=clock.clock, reason=str(unavailable))

    def stop(self) -> None:
        """Resume nothing more."""
        for task in self._resumes:
            task.cancel()
