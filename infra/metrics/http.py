"""An app's requests."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from infra.http.requests import Requests
from infra.metrics.families import gauges, histogram


class RequestCollector(Collector):
    """Of the apps of this process, by their names."""

    def __init__(self, **apps: Requests) -> None:
        self._apps = apps

    def collect(self) -> Iterable[Metric]:
        in_progress = {(app,): requests.in_progress for app, requests in self._apps.items()}
        yield gauges("http_requests_in_progress", "Requests not answered to their end.", ("app",), in_progress)
        yield histogram(
            "http_request_duration_seconds",
            "Requests, from their first byte here to the end of the answer; status 0: the client went before.",
            ("app", "route", "method", "status"),
            {
                (app, route, method, str(status)): seconds
                for app, requests in self._apps.items()
                for (route, method, status), seconds in requests.seconds.items()
            },
        )
