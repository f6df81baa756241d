"""`GET /metrics` of one process."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from infra.metrics.loop import LoopLag


class WithMetrics:
    """Answers `GET /metrics` before ``app`` does, with what the collectors say and the process' own numbers. Made on its loop."""

    def __init__(self, app: ASGIApp, collectors: Iterable[Collector]) -> None:
        self._app = app
        self._registry = CollectorRegistry()
        for of_process in (ProcessCollector, PlatformCollector, GCCollector):
            of_process(registry=self._registry)
        for collector in (*collectors, LoopLag()):
            self._registry.register(collector)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] != "/metrics":
            await self._app(scope, receive, send)
            return
        encode, content_type = choose_encoder(Request(scope).headers.get("accept", ""))
        await Response(encode(self._registry), headers={"Content-Type": content_type})(scope, receive, send)
