"""What queries are given: snapshots of the read models.

ReadModelsUnavailable   the read models cannot be asked now; the same question may be asked again
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

Row = Mapping[str, Any]


class ReadModelsUnavailable(Exception):
    """The read models cannot be asked now."""


class Snapshot(Protocol):
    """One tenant's rows, all as of one vector of positions."""

    @property
    def positions(self) -> Mapping[str, int]:
        """Partition → sequence of the last event that the rows hold."""
        ...

    async def all(self, sql: str, **parameters: object) -> list[Row]:
        """The rows of a query with ``%(name)s`` parameters."""
        ...

    async def one(self, sql: str, **parameters: object) -> Row | None:
        """The first row, if any."""
        ...


class ReadModels(Protocol):
    """The read models' store. Every call raises ReadModelsUnavailable while it is away."""

    async def open(self) -> None:
        """Begin to connect, inside the event loop that asks."""
        ...

    async def close(self) -> None: ...

    def snapshot(self, tenant: str) -> AbstractAsyncContextManager[Snapshot]:
        """A consistent view of one tenant's rows; no other tenant's row can be seen through it."""
        ...

    async def rows(self, tenant: str, sql: str, **parameters: object) -> tuple[list[Row], Mapping[str, int]]:
        """A snapshot for a single query, in one round trip: its rows, and the positions that they are as of."""
        ...

    async def positions(self) -> Mapping[str, int]:
        """Where the projector stands now."""
        ...

    async def lag_s(self) -> float | None:
        """Seconds since the rows held all that the log held; None where they never did."""
        ...

    async def pending_migrations(self) -> Sequence[str]:
        """What the store still lacks to be asked by this version; empty: it is ready."""
        ...
