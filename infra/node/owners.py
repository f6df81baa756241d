"""Where each partition lives, as this node heard it last. It is asked again only when somebody has found it wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import structlog

from infra.eventlog.log import LogUnavailable

# Between two questions: many requests find at once that a partition has moved.
PAUSE_S = 0.1

_log = structlog.get_logger(__name__)


class Owners:
    """``ask`` gives each address with its partitions, and may block; it is called in a thread, and never twice at once."""

    def __init__(self, ask: Callable[[], Mapping[str, frozenset[str]]]) -> None:
        self._ask = ask
        self._known: Mapping[str, frozenset[str]] = {}
        self._by_partition: dict[str, str] = {}
        self._asking: asyncio.Task[None] | None = None
        self._next_at = 0.0
        self.version = 0

    def of(self, partition: str) -> str | None:
        """The address of the partition's owner; None: nobody is known to own it."""
        return self._by_partition.get(partition)

    def all(self) -> Mapping[str, frozenset[str]]:
        """All addresses, with their partitions."""
        return self._known

    async def refresh(self, seen: int) -> None:
        """Know more than at version ``seen``; where the log does not answer, what is known stays."""
        if self.version != seen:
            return
        if self._asking is None:
            self._asking = asyncio.create_task(self._refresh())
        await asyncio.shield(self._asking)

    async def _refresh(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            await asyncio.sleep(max(0.0, self._next_at - loop.time()))
            self._known = await asyncio.to_thread(self._ask)
            self._by_partition = {name: address for address, names in self._known.items() for name in names}
        except LogUnavailable as error:
            _log.warning("owners not known", error=str(error))
        finally:
            self._next_at = loop.time() + PAUSE_S
            self.version += 1
            self._asking = None
