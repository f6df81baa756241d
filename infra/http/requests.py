"""What an app was asked and how long its answers took, by route and not by path: the combinations stay few."""

from __future__ import annotations

from collections import defaultdict
from time import perf_counter

from starlette.types import Scope

from infra.counts import Histogram

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Requests:
    """``seconds`` by route, method and status; ``in_progress`` are those not answered to their end. Written on the app's loop."""

    def __init__(self) -> None:
        self.in_progress = 0
        self.seconds: defaultdict[tuple[str, str, int], Histogram] = defaultdict(Histogram)

    def answered(self, scope: Scope, status: int, begun: float) -> None:
        """A request that came at ``begun`` (perf_counter) is over; status 0: without an answer."""
        self.in_progress -= 1
        route, method = scope.get("route"), scope["method"]
        path = getattr(route, "path", "")  # none: no route has this path
        self.seconds[path, method if method in _METHODS else "", status].observe(perf_counter() - begun)
