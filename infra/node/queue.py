"""What waits for its decision: in each partition a queue for each tenant, in turn, and in all no more than a node takes in."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from commands.ports import Quota

T = TypeVar("T")


class Places:
    """Those of all queues of a node: it decides for all of them in turn, so that they bound the time for which one waits."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.taken = 0


class FairQueue(Generic[T]):
    """First in, first out for each tenant, and one of each tenant in turn: who sends little never waits behind another's backlog.

    A partition may take as many of the node's places as are left free, and a tenant in it as many as are then left of those: a
    third of all where nobody else waits, less beside others. So one who has nothing waiting finds a place, however much the
    others send, and so does a partition beside one that stands still (the dynamic thresholds of shared-memory switches: Choudhury
    and Hahne, 1998). Nothing here takes longer the more there is.
    """

    def __init__(self, partition: str, places: Places) -> None:
        self._partition = partition
        self._places = places
        self._queues: OrderedDict[str, deque[T]] = OrderedDict()
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[T]:
        """All that waits; of each tenant in its order."""
        return (item for queue in self._queues.values() for item in queue)

    def __contains__(self, tenant: str) -> bool:
        """Whether something of a tenant's waits."""
        return tenant in self._queues

    def quota(self, tenant: str) -> Quota:
        """How many of a tenant's may wait at most, and how many more may now."""
        queue, limit = self._queues.get(tenant), self._places.limit
        free = limit - self._places.taken - self._size
        left = free - (0 if queue is None else len(queue))  # one more takes a place of the node, the partition and the tenant
        return Quota(self._partition, limit=(limit + 2) // 3, left=max(0, (left + 2) // 3), full=free <= 0)

    def put(self, tenant: str, item: T) -> None:
        """Let it wait behind its tenant's others, whatever the quota."""
        queue = self._queues.get(tenant)
        if queue is None:
            queue = self._queues[tenant] = deque()
        queue.append(item)
        self._resize(1)

    def take(self, ready: Callable[[str], bool]) -> T | None:
        """The next one of a tenant that is ``ready``; None where there is none."""
        tenant = next(filter(ready, self._queues), None)
        if tenant is None:
            return None
        queue = self._queues[tenant]
        item = queue.popleft()
        self._resize(-1)
        if queue:
            self._queues.move_to_end(tenant)
        else:
            del self._queues[tenant]
        return item

    def take_while(self, over: Callable[[T], bool]) -> list[T]:
        """Those at their tenants' heads for which it is ``over``."""
        taken = list[T]()
        for tenant, queue in list(self._queues.items()):
            while queue and over(queue[0]):
                taken.append(queue.popleft())
            if not queue:
                del self._queues[tenant]
        self._resize(-len(taken))
        return taken

    def take_all(self) -> list[T]:
        """The partition is served no more: what waits has no place here."""
        return self.take_while(lambda _: True)

    def _resize(self, more: int) -> None:
        self._size += more
        self._places.taken += more
