"""How processes of one kind divide a log's partitions among themselves."""

from __future__ import annotations

from typing import Protocol


class Share(Protocol):
    """One process's part. What is correct never rests on it: two may believe for a while that a partition is theirs."""

    def poll(self) -> frozenset[str]:
        """The partitions that are this process's now. To be called every few seconds: else the others get them."""
        ...

    def close(self) -> None:
        """Leave them to the others."""
        ...


class Whole:
    """All of a log that has no other processes of that kind."""

    def __init__(self, partitions: frozenset[str]) -> None:
        self._partitions = partitions

    def poll(self) -> frozenset[str]:
        return self._partitions

    def close(self) -> None:
        """Nobody waits for them."""
