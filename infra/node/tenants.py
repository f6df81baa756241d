"""How much of one tenant's a partition may have on its way: what fills the windows while it is alone, little beside others."""

from __future__ import annotations

from collections.abc import Callable, Sized

# So many of the clients' commands are decided ahead of their commit in a partition: they fill a window while another is written.
AHEAD_MAX = 16
# So many of one tenant's in all partitions of a node while others send, too: theirs have to wait for a turn of the loop, for the
# window under way and for their own, and all of these take longer the more is in them.
SHARED_AHEAD_MAX = 16
# So long after the last change of sender a tenant is not taken to be alone.
SHARED_S = 10.0


class Tenants:
    """Knows whether more than one tenant has sent commands of late. ``partitions`` are those that the node serves, ``time`` the
    loop's clock.
    """

    def __init__(self, partitions: Sized, time: Callable[[], float]) -> None:
        self._partitions = partitions
        self._time = time
        self._last = ""
        self._shared_until = 0.0

    def sent(self, tenant: str) -> None:
        """A command of this tenant has come."""
        if tenant != self._last:
            if self._last:
                self._shared_until = self._time() + SHARED_S
            self._last = tenant

    def ahead_max(self) -> int:
        """How many of a tenant's commands a partition may have on its way now."""
        if self._time() > self._shared_until:
            return AHEAD_MAX
        return max(1, SHARED_AHEAD_MAX // len(self._partitions))
