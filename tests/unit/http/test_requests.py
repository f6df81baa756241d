"""Requests are counted by route: the combinations stay few whatever is asked."""

from __future__ import annotations

import asyncio

import httpx
from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from infra.http.context import HeadAsGet, RequestContext
from infra.http.requests import Requests


def app(requests: Requests) -> FastAPI:
    app = FastAPI()

    async def thing(id: str) -> dict[str, str]:
        return {"id": id}

    async def fail() -> None:
        raise RuntimeError

    app.add_api_route("/things/{id}", thing)
    app.add_api_route("/fail", fail)
    app.add_middleware(HeadAsGet)
    app.add_middleware(RequestContext, requests=requests)
    return app


def counted(*asked: tuple[str, str]) -> dict[tuple[str, str, int], int]:
    """Requests by route, method and status after these, in their order."""
    requests = Requests()

    async def ask() -> None:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app(requests)), base_url="http://t") as client:
            for method, path in asked:
                await client.request(method, path)

    asyncio.run(ask())
    assert requests.in_progress == 0
    return {key: sum(seconds.buckets) for key, seconds in requests.seconds.items()}


def test_the_route_counts_and_not_the_path() -> None:
    found = counted(("GET", "/things/1"), ("GET", "/things/2"), ("HEAD", "/things/3"), ("GET", "/fail"))
    assert found == {("/things/{id}", "GET", 200): 2, ("/things/{id}", "HEAD", 200): 1, ("/fail", "GET", 500): 1}


def test_what_nobody_serves_is_one_series_whatever_it_is_called() -> None:
    found = counted(("GET", "/a"), ("GET", "/b"), ("BREW", "/c"), ("STIR", "/d"))
    assert found == {("", "GET", 404): 2, ("", "", 404): 2}


def test_a_request_without_an_answer_is_counted_too() -> None:
    requests = Requests()

    async def gone(_scope: Scope, _receive: Receive, _send: Send) -> None:
        """Whoever asked hung up before the body's end."""

    scope = {"type": "http", "method": "POST", "path": "/x", "headers": []}
    asyncio.run(RequestContext(gone, requests=requests)(scope, _nothing, _to_nobody))
    assert {key: sum(seconds.buckets) for key, seconds in requests.seconds.items()} == {("", "POST", 0): 1}
    assert requests.in_progress == 0


async def _nothing() -> dict[str, str]:
    return {"type": "http.disconnect"}


async def _to_nobody(_message: object) -> None:
    """Nobody hears."""
