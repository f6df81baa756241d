"""The feed as a stream: over real connections, resumed, left, ended, and followed by very many."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx
import orjson
import pytest
from fastapi import FastAPI
from httpx_sse import EventSource, ServerSentEvent

from commands.catalog.api_keys import key_hash
from domain.catalog.aggregates import ApiKey
from infra.postgres.roles import query_dsn
from infra.postgres.snapshots import PostgresReadModels
from queries import api_events
from queries.api import create_query_app, end_streams
from queries.ports import ReadModelsUnavailable
from tests.integration.queries.conftest import Client
from tests.integration.queries.following import Consumer, served
from tests.integration.queries.test_http import bearer
from tests.read_models.keys import new_key
from tests.read_models.story import T0, Life, Writer, told

PATIENCE_S = 30.0
FOLLOWERS = 100


class ReadModels(PostgresReadModels):
    """Counts snapshots, and is away when the test says so."""

    away = False
    snapshots = 0

    async def positions(self) -> Mapping[str, int]:
        if self.away:
            raise ReadModelsUnavailable("away")
        return await super().positions()

    def snapshot(self, tenant: str) -> Any:
        self.snapshots += 1
        return super().snapshot(tenant)


class Served:
    """A running app, its read models and a client of it."""

    def __init__(self, app: FastAPI, read: ReadModels, http: httpx.AsyncClient) -> None:
        self.app, self.read, self.http = app, read, http

    @asynccontextmanager
    async def following(
        self, parameters: str = "", headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[AsyncIterator[Any]]:
        sent = {"Accept": "text/event-stream", **(headers or {})}
        async with self.http.stream("GET", f"/v1/events?{parameters}", headers=sent) as response:
            assert response.status_code == 200, await response.aread()
            assert response.headers["Content-Type"].startswith("text/event-stream")
            assert response.headers["X-Accel-Buffering"] == "no"
            yield EventSource(response).aiter_sse()


def run(dsn: str, key: str, test: Callable[[Served], Awaitable[None]]) -> None:
    async def serving() -> None:
        read = ReadModels(query_dsn(dsn))
        app = create_query_app(read, environment="sandbox")
        limits = httpx.Limits(max_connections=None)
        async with served(app) as url, httpx.AsyncClient(base_url=url, headers=bearer(key), limits=limits, timeout=30) as http:
            await asyncio.wait_for(test(Served(app, read, http)), PATIENCE_S)

    asyncio.run(serving())


async def take(stream: AsyncIterator[ServerSentEvent], number: int) -> list[tuple[str, dict[str, Any]]]:
    """The next events, each with its id."""
    found: list[tuple[str, dict[str, Any]]] = []
    while len(found) < number:
        sse = await anext(stream)
        if sse.data:
            assert sse.event == "message"
            found.append((sse.id, orjson.loads(sse.data)))
    return found


async def rest(stream: AsyncIterator[ServerSentEvent]) -> list[ServerSentEvent]:
    return [sse async for sse in stream if sse.data]


def test_a_stream_is_the_same_feed_and_goes_on_where_it_was_left(client: Client, told_dsn: str, keys: Mapping[str, str]) -> None:
    whole = client.get("/v1/events?limit=1000").json()["data"]

    async def test(at: Served) -> None:
        found: list[dict[str, Any]] = []
        last: dict[str, str] = {}
        for number in (1, 2, 20, len(whole) - 23):
            async with at.following(headers=last) as stream:
                for id, event in await take(stream, number):
                    last = {"Last-Event-ID": id}
                    found.append(event)
        Consumer().take(found)
        assert sorted(found, key=lambda e: e["position"]) == sorted(whole, key=lambda e: e["position"])

    run(told_dsn, keys["acme"], test)


def test_events_come_as_they_are_projected(
    own: Client, postgres_dsn: str, keys: Mapping[str, str], writer: Writer, project: Callable[[], None]
) -> None:
    assert own.get("/v1/events?after=now").status_code == 200

    async def test(at: Served) -> None:
        async with at.following("after=now&type=customer.*") as stream:
            for number in range(3):
                life = Life("acme", f"crm-new-{number}", None)
                writer.write([life.told(life.customer)])
                await asyncio.to_thread(project)
                ((_, event),) = await take(stream, 1)
                assert event["id"] == f"{life.id}/1"

    run(postgres_dsn, keys["acme"], test)


def test_a_heartbeat_moves_the_clients_position_on(
    told_dsn: str, keys: Mapping[str, str], client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_events, "HEARTBEAT_S", 0.05)
    end = client.get("/v1/customers").headers["Ledger-Position"].replace(" ", "")

    async def test(at: Served) -> None:
        async with at.http.stream("GET", "/v1/events?type=tenant.*", headers={"Accept": "text/event-stream"}) as response:
            lines = aiter(response.aiter_lines())
            assert await anext(lines) == "retry: 2000"
            while await anext(lines) != ": heartbeat":
                pass
            assert await anext(lines) == f"id: {end}"

    run(told_dsn, keys["acme"], test)


def test_a_key_that_is_revoked_follows_no_longer(
    own: Client,
    postgres_dsn: str,
    writer: Writer,
    project: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(api_events, "HEARTBEAT_S", 0.05)
    monkeypatch.setattr("queries.api_asking.KEY_CACHE_S", 0.01)
    text = new_key("sandbox", "acme")
    key = ApiKey.issue("acme", "key_r", name="r", permissions=("read",), secret_hash=key_hash(text), now=T0)
    writer.write([told("acme", None, key)])
    project()
    assert own.get("/v1/events", bearer(text)).status_code == 200

    async def test(at: Served) -> None:
        async with at.following("after=now&type=tenant.*") as stream:
            key.revoke(T0)
            writer.write([told("acme", None, key)])
            await asyncio.to_thread(project)
            (problem,) = await rest(stream)
            assert (problem.event, orjson.loads(problem.data)["code"]) == ("problem", "unauthenticated")

    run(postgres_dsn, text, test)


def test_an_outage_ends_the_stream_with_a_problem(told_dsn: str, keys: Mapping[str, str]) -> None:
    async def test(at: Served) -> None:
        async with at.following("after=now") as stream:
            polling = asyncio.create_task(at.http.get("/v1/events?after=now&wait=30"))
            await asyncio.sleep(0.2)
            at.read.away = True
            (problem,) = await rest(stream)
            assert (problem.event, orjson.loads(problem.data)["code"]) == ("problem", "read-model-unavailable")
            assert (await polling).status_code == 503
        assert (await at.http.get("/v1/events", headers={"Accept": "text/event-stream"})).status_code == 503
        at.read.away = False
        async with at.following() as stream:
            assert len(await take(stream, 5)) == 5

    run(told_dsn, keys["acme"], test)


def test_an_end_of_the_server_ends_all_that_waits(told_dsn: str, keys: Mapping[str, str]) -> None:
    async def test(at: Served) -> None:
        async with at.following("after=now") as stream:
            polling = asyncio.create_task(at.http.get("/v1/events?after=now&wait=60"))
            await asyncio.sleep(0.2)
            end_streams(at.app)
            assert await rest(stream) == []
            assert (await polling).json()["data"] == []

    run(told_dsn, keys["acme"], test)


def test_who_left_is_not_waited_for(told_dsn: str, keys: Mapping[str, str]) -> None:
    async def test(at: Served) -> None:
        watch = at.app.state.asked.feed.watch
        polling = asyncio.create_task(at.http.get("/v1/events?after=now&wait=60"))
        async with at.following("after=now"):
            while watch._waiting < 2:
                await asyncio.sleep(0.01)
        polling.cancel()
        while watch._waiting:
            await asyncio.sleep(0.01)

    run(told_dsn, keys["acme"], test)


def test_a_head_of_a_stream_has_an_end(told_dsn: str, keys: Mapping[str, str]) -> None:
    async def test(at: Served) -> None:
        answer = await at.http.head("/v1/events", headers={"Accept": "text/event-stream"})
        assert (answer.status_code, answer.headers["X-Accel-Buffering"]) == (200, "no")

    run(told_dsn, keys["acme"], test)


def test_many_that_come_at_once_share_the_question_for_their_key(told_dsn: str, keys: Mapping[str, str]) -> None:
    async def test(at: Served) -> None:
        found = await asyncio.gather(*(at.http.get("/v1/events?after=now") for _ in range(FOLLOWERS)))
        assert {answer.status_code for answer in found} == {200}
        assert at.read.snapshots < 5

    run(told_dsn, keys["acme"], test)


def test_many_followers_cost_one_question_an_event(
    own: Client, postgres_dsn: str, keys: Mapping[str, str], writer: Writer, project: Callable[[], None]
) -> None:
    assert own.get("/v1/events?after=now").status_code == 200

    async def test(at: Served) -> None:
        async with AsyncExitStack() as stack:
            opening = [stack.enter_async_context(at.following("after=now")) for _ in range(FOLLOWERS)]
            streams = [await each for each in opening]
            while at.app.state.asked.feed.watch._waiting < FOLLOWERS:
                await asyncio.sleep(0.05)
            await asyncio.sleep(0.3)
            before = at.read.snapshots
            # when nothing happens nobody asks; an event is asked for once, for all
            await asyncio.sleep(0.3)
            assert at.read.snapshots == before
            life = Life("acme", "crm-new", None)
            writer.write([life.told(life.customer)])
            await asyncio.to_thread(project)
            found = await asyncio.gather(*(take(stream, 1) for stream in streams))
            assert {event["id"] for ((_, event),) in found} == {f"{life.id}/1"}
            assert at.read.snapshots - before < 5
            # and nobody holds a connection to the database meanwhile
            assert at.read._pool.get_stats()["pool_available"] == at.read._pool.get_stats()["pool_size"]

    run(postgres_dsn, keys["acme"], test)
