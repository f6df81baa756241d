"""From the window process, and the catalog's follower, onto the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from threading import get_ident
from typing import TYPE_CHECKING

from domain.event import Event
from infra.eventlog.index_queries import IndexQueries
from infra.eventlog.listener import Committed
from infra.eventlog.reader import ReaderState

if TYPE_CHECKING:
    from infra.node.node import Node


class LoopListener:
    """The window's Listener, and the follower's: every report becomes a call of the node on its loop, in order."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def start(self) -> None:
        """On the loop, before anything is reported."""
        self._loop = asyncio.get_running_loop()
        self._thread = get_ident()

    def _hop(self, callback: Callable[..., None], *arguments: object) -> None:
        if get_ident() == self._thread:
            self._call(callback, *arguments)
        elif not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._call, callback, *arguments)

    def _call(self, callback: Callable[..., None], *arguments: object) -> None:
        """A report that the node fails to take in leaves it in no known state: it ends, and says why."""
        try:
            callback(*arguments)
        except Exception as error:
            self._node.on_died(error)

    def assigned(self, partitions: frozenset[str]) -> None:
        self._hop(self._node.on_assigned, partitions)

    def serving(self, partition: str, queries: IndexQueries, state: ReaderState, epoch: int) -> None:
        self._hop(self._node.on_serving, partition, queries, state, epoch)

    def stopped(self, partitions: frozenset[str], reason: str) -> None:
        self._hop(self._node.on_stopped, partitions, reason)

    def unknown(self, partitions: frozenset[str], reason: str) -> None:
        self._hop(self._node.on_unknown, partitions, reason)

    def settled(self, results: Sequence[tuple[object, Committed]]) -> None:
        self._hop(self._node.on_settled, results)

    def proved(self) -> None:
        self._hop(self._node.on_proved)

    def failed(self, epochs: Mapping[str, int], reason: str) -> None:
        self._hop(self._node.on_failed, epochs, reason)

    def refused(self, token: object, reason: str) -> None:
        self._hop(self._node.on_refused, token, reason)

    def broken(self, partition: str, error: Exception) -> None:
        self._hop(self._node.on_broken, partition, error)

    def catalog(self, events: Sequence[tuple[Event, int]]) -> None:
        """From the catalog's follower."""
        self._hop(self._node.on_catalog, events)

    def catalog_read(self) -> None:
        """From the catalog's follower."""
        self._hop(self._node.on_catalog_read)

    def died(self, error: BaseException) -> None:
        self._hop(self._node.on_died, error)
