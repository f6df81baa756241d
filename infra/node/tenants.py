"""How much of one tenant's a partition may have on its way: what fills the windows while it is alone, little beside others. And
who sends too much.
"""

from __future__ import annotations

from collections.abc import Callable, Sized

import structlog

# So many of the clients' commands are decided ahead of their commit in a partition: they fill a window while another is written.
AHEAD_MAX = 16
# So many of one tenant's in all partitions of a node while others send, too: theirs have to wait for a turn of the loop, for the
# window under way and for their own, and all of these take longer the more is in them.
SHARED_AHEAD_MAX = 16
# So long after the last change of sender a tenant is not taken to be alone.
SHARED_S = 10.0
# A tenant whose commands are refused is named in the log so often.
NAMED_S = 60.0

_log = structlog.get_logger(__name__)


class Tenants:
    """Knows whether more than one tenant has sent commands of late. ``partitions`` are those that the node serves, ``time`` the
    loop's clock.
    """

    def __init__(self, partitions: Sized, time: Callable[[], float]) -> None:
        self._partitions = partitions
        self._time = time
        self._last = ""
        self._shared_until = 0.0
        self._named_at: dict[str, float] = {}

    def sent(self, tenant: str) -> None:
        """A command of this tenant has come."""
        if tenant != self._last:
            if self._last:
                self._shared_until = self._time() + SHARED_S
            self._last = tenant

    def refused(self, tenant: str, partition: str) -> None:
        """A command of this tenant has found no place."""
        if self._time() >= self._named_at.get(tenant, 0.0):
            self._named_at[tenant] = self._time() + NAMED_S
            _log.info("too many commands wait", tenant=tenant, partition=partition)

    def ahead_max(self) -> int:
        """How many of a tenant's commands a partition may have on its way now."""
        if self._time() > self._shared_until:
            return AHEAD_MAX
        return max(1, SHARED_AHEAD_MAX // len(self._partitions))
