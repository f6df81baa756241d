"""Test clocks: which customers live on which, and how late it was there."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime

from tests.checker.counting import Partition

Name = tuple[str, str]  # tenant and id


class Clocks:
    """All that the log says of them."""

    def __init__(self, partitions: Mapping[str, Partition]) -> None:
        self.of: dict[str, Name] = {}  # by scope; who lives on the wall clock is not in it
        self._moves: dict[Name, list[tuple[int, datetime]]] = defaultdict(list)  # where the catalog says so, and to when
        for partition in partitions.values():
            for event in partition.events:
                if event.type in ("clock.created.v1", "clock.advanced.v1"):
                    tenant, _, id = event.stream.split("/")
                    now = datetime.fromisoformat(json.loads(event.record.value)["now"])
                    self._moves[tenant, id].append((event.sequence, now))
                elif event.type == "customer.registered.v1":
                    clock = json.loads(event.record.value)["clock"]
                    if clock is not None:
                        self.of[event.scope] = event.scope.partition("/")[0], clock

    def time(self, scope: str, catalog: int) -> datetime | None:
        """How late it was for a customer on a test clock, for who knew so much of the catalog; None: it was not there yet."""
        moves = self._moves[self.of[scope]]
        known = bisect_right(moves, catalog, key=lambda move: move[0])
        return moves[known - 1][1] if known else None
