"""What waits for its decision in a partition: a queue for each tenant, bounded, and the tenants take turns."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from commands.ports import Quota

T = TypeVar("T")


class FairQueue(Generic[T]):
    """First in, first out for each tenant, and one of each tenant in turn: who sends little never waits behind another's backlog.

    Of ``limit`` places a tenant may take as many as are left free: half of them where nobody else waits, a third beside another
    one that takes all it can get. So one who has nothing waiting finds a place, however much the others send (the dynamic
    thresholds of shared-memory switches: Choudhury and Hahne, 1998). Nothing here takes longer the more there is.
    """

    def __init__(self, partition: str, limit: int) -> None:
        self._partition = partition
        self._limit = limit
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
        queue = self._queues.get(tenant)
        free = self._limit - self._size
        left = free - (0 if queue is None else len(queue))
        return Quota(self._partition, limit=(self._limit + 1) // 2, left=max(0, (left + 1) // 2), full=free <= 0)

    def put(self, tenant: str, item: T) -> None:
        """Let it wait behind its tenant's others, whatever the quota."""
        queue = self._queues.get(tenant)
        if queue is None:
            queue = self._queues[tenant] = deque()
        queue.append(item)
        self._size += 1

    def take(self, ready: Callable[[str], bool]) -> T | None:
        """The next one of a tenant that is ``ready``; None where there is none."""
        tenant = next(filter(ready, self._queues), None)
        if tenant is None:
            return None
        queue = self._queues[tenant]
        item = queue.popleft()
        self._size -= 1
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
        self._size -= len(taken)
        return taken
