"""What an app was asked and how long its answers took, by route and not by path: the combinations stay few."""

from __future__ import annotations

from collections import defaultdict
from time import perf_counter

from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer
from starlette.types import Scope

from infra.counts import Histogram
from infra.tracing import context_of

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Requests:
    """``seconds`` by route, method and status; ``in_progress`` are those not answered to their end. Written on the app's loop.

    With a tracer each request is a span as well.
    """

    def __init__(self, tracer: Tracer | None = None) -> None:
        self.in_progress = 0
        self.seconds: defaultdict[tuple[str, str, int], Histogram] = defaultdict(Histogram)
        self._tracer = tracer

    def begun(self, traceparent: str | None) -> Span | None:
        """A request has come, in the caller's trace if it is in one; gives its span where requests are traced."""
        self.in_progress += 1
        if self._tracer is None:
            return None
        return self._tracer.start_span("request", context_of(traceparent or ""), SpanKind.SERVER)

    def answered(self, scope: Scope, status: int, at: float, span: Span | None) -> None:
        """A request that came ``at`` (perf_counter) is over; status 0: without an answer."""
        self.in_progress -= 1
        method = scope["method"] if scope["method"] in _METHODS else ""
        route = getattr(scope.get("route"), "path", "")  # none: no route has this path
        self.seconds[route, method, status].observe(perf_counter() - at)
        if span is not None:
            _end(span, route, method, status)


def _end(span: Span, route: str, method: str, status: int) -> None:
    """By OpenTelemetry's conventions for HTTP servers; the path is left out, it names customers."""
    span.update_name(f"{method} {route}".strip() or "request")
    span.set_attributes({"http.request.method": method or "_OTHER", "http.route": route, "http.response.status_code": status})
    if status == 0 or status >= 500:
        span.set_status(StatusCode.ERROR)
    span.end()
