"""The processes of a deployment: each a coroutine that serves until it is told to stop (SIGTERM, SIGINT) or something ends it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from functools import partial

import structlog
import uvicorn
import uvloop
from fastapi import FastAPI
from opentelemetry.trace import Tracer
from prometheus_client.registry import Collector
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from commands.api import create_command_app
from commands.api_forward import ledger_mark
from commands.api_route import ApiSettings
from infra.bootstrap import make_node, open_log, open_postgres, open_vault
from infra.eventlog.rebuild import index_lock
from infra.eventlog.record import CATALOG
from infra.http.connection import Connection, State, raise_file_limit
from infra.http.origin import Origin
from infra.http.requests import Requests
from infra.metrics.endpoint import WithMetrics
from infra.metrics.http import RequestCollector
from infra.metrics.log import watching
from infra.metrics.node import NodeCollector
from infra.metrics.peers import PeersCollector
from infra.metrics.projector import ProjectorCollector
from infra.metrics.queries import PoolCollector
from infra.node.cluster import Cluster
from infra.node.node import Node
from infra.node.owners import Owners
from infra.node.peers import open_peers
from infra.postgres.counts import ProjectorCounts
from infra.postgres.projector import run_projector
from infra.postgres.roles import projector_dsn, query_dsn
from infra.postgres.snapshots import PostgresReadModels
from infra.postgres.spans import ProjectionSpans
from infra.psp.registry import open_gateways
from infra.runtime import tune
from infra.settings import Settings, SettingsError, variable
from infra.tracing import tracing
from queries.api import create_query_app, end_streams

_log = structlog.get_logger(__name__)

GRACE_S = 3
OnEnd = Callable[[], Awaitable[None]]
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class _Server(uvicorn.Server):
    """Ends in good order on SIGTERM and SIGINT.

    By itself uvicorn raises the signal again once its connections are closed, and the process would die there: with commands
    that have not been answered, the group of owners not left, nothing else closed. And it waits for the answers that are under
    way, some of which have no end of their own: ``on_end`` sees to that, while requests are still answered.
    """

    def __init__(self, config: uvicorn.Config, on_end: OnEnd) -> None:
        super().__init__(config)
        self.server_state = self._state = State()
        self._on_end = on_end

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in _SIGNALS:
                loop.remove_signal_handler(number)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._state.ending = True
        await self._on_end()
        await super().shutdown(sockets)


async def _nothing() -> None:
    """At the end."""


async def serve(app: ASGIApp, host: str, port: int, *others: Awaitable[None], on_end: OnEnd = _nothing) -> None:
    """Answer HTTP until a signal comes or one of ``others`` ends; raises what that one raised."""
    server = _Server(
        uvicorn.Config(
            app, host=host, port=port, http=Connection, ws="none", lifespan="off", access_log=False, log_config=None,
            proxy_headers=False,
            timeout_graceful_shutdown=GRACE_S, server_header=False,
        ),
        on_end,
    )  # fmt: skip
    serving = asyncio.ensure_future(server.serve())
    watched = [asyncio.ensure_future(other) for other in others]
    done, _ = await asyncio.wait([serving, *watched], return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    await serving
    for task in watched:
        task.cancel()
    await asyncio.gather(*watched, return_exceptions=True)
    for task in done:
        task.result()


@asynccontextmanager
async def command_side(
    settings: Settings, requests: Requests, tracer: Tracer | None
) -> AsyncIterator[tuple[Node, ASGIApp, list[Collector]]]:
    """The command node at work, its API, and what is measured of both."""
    async with AsyncExitStack() as stack:
        lock = index_lock(settings.state / "index")
        stack.callback(lock.release)
        log = stack.enter_context(open_log(settings))
        vault = stack.enter_context(open_vault(settings, log))
        gateways = stack.enter_context(open_gateways(settings.simulator_book_path, sandbox=settings.is_sandbox))
        peers, cluster = None, None
        if not settings.is_embedded:
            owners, mark = Owners(log.owners), ledger_mark(settings.secret_bytes, log.identity(CATALOG))
            peers = await stack.enter_async_context(open_peers(settings.address, owners, mark))
            cluster = Cluster(settings.address, owners, peers, settings.secret_bytes)
        node = make_node(settings, log, lock, vault, gateways, tracer, cluster)
        await node.start()
        stack.push_async_callback(node.close)
        api = ApiSettings(environment=settings.environment, secret=settings.secret_bytes, admin_key=settings.admin_key_text)
        app = create_command_app(node, vault, api, requests, peers)
        sent_on = PeersCollector({} if peers is None else peers.counts)
        yield node, app, [NodeCollector(node), sent_on, stack.enter_context(watching(log))]


async def serve_commands(settings: Settings) -> None:
    """The command API alone."""
    tune()
    with tracing("subledger-commands") as tracer:
        requests = Requests(tracer)
        async with command_side(settings, requests, tracer) as (node, app, collectors):
            metrics = [*collectors, RequestCollector(commands=requests)]
            await serve(WithMetrics(app, metrics), settings.host, settings.port, node.wait_dead(), on_end=node.give_back)


async def serve_queries(settings: Settings) -> None:
    """The query API alone."""
    tune()
    with tracing("subledger-queries") as tracer:
        requests = Requests(tracer)
        async with _query_side(settings, requests) as (read, app):
            metrics = PoolCollector(read), RequestCollector(queries=requests)
            await serve(WithMetrics(app, metrics), settings.host, settings.port, on_end=partial(_end_streams, app))


async def _end_streams(app: FastAPI) -> None:
    end_streams(app)


@asynccontextmanager
async def _query_side(settings: Settings, requests: Requests) -> AsyncIterator[tuple[PostgresReadModels, FastAPI]]:
    if settings.postgres_dsn is None:
        raise SettingsError(f"the query API needs the read models: set {variable('postgres_dsn')}")
    read = PostgresReadModels(query_dsn(settings.postgres_dsn.get_secret_value(), settings.secret_bytes))
    await read.open()
    try:
        admin_key = settings.admin_key_text
        yield read, create_query_app(read, environment=settings.environment, admin_key=admin_key, requests=requests)
    finally:
        await read.close()


async def serve_origin(settings: Settings) -> None:
    """Both APIs on one port, in one process: the embedded default."""
    tune()
    with tracing("subledger") as tracer:
        sent, asked = Requests(tracer), Requests(tracer)
        async with (
            command_side(settings, sent, tracer) as (node, commands, collectors),
            _query_side(settings, asked) as (read, queries),
        ):
            metrics = [*collectors, PoolCollector(read), RequestCollector(commands=sent, queries=asked)]
            app = WithMetrics(Origin(commands, queries), metrics)

            async def on_end() -> None:
                end_streams(queries)
                await node.give_back()

            await serve(app, settings.host, settings.port, node.wait_dead(), on_end=on_end)


async def serve_projector(settings: Settings) -> None:
    """The projector, with the health routes of a process of its own."""
    tune()
    with ExitStack() as stack:
        log = stack.enter_context(open_log(settings))
        vault = stack.enter_context(open_vault(settings, log))
        dsn = projector_dsn(stack.enter_context(open_postgres(settings)), settings.secret_bytes)
        tracer = stack.enter_context(tracing("subledger-projector"))
        stop, counts, spans = threading.Event(), ProjectorCounts(), ProjectionSpans(tracer) if tracer is not None else None
        projecting = asyncio.ensure_future(asyncio.to_thread(run_projector, log, dsn, vault, stop, counts=counts, spans=spans))
        watch = stack.enter_context(watching(log, lambda: counts.read))
        app = WithMetrics(projector_app(counts), [ProjectorCollector(counts), watch])
        try:
            await serve(app, settings.host, settings.port, asyncio.shield(projecting))
        finally:
            stop.set()
            await projecting


def projector_app(counts: ProjectorCounts) -> Starlette:
    """The projector's health routes."""

    async def healthz(_: Request) -> Response:
        return JSONResponse({"status": "alive"})

    async def readyz(_: Request) -> Response:
        if counts.waiting_for:
            reasons = [f"nothing is applied: {counts.waiting_for}"]
            return JSONResponse({"status": "not ready", "reasons": reasons}, 503, {"Retry-After": "1"})
        return JSONResponse({"status": "ready"})

    return Starlette(routes=[Route("/healthz", healthz), Route("/readyz", readyz)])


def end_with_parent() -> None:
    """Stop when the parent's end of our standard input closes: a parent that was killed leaves nothing behind."""

    def watch() -> None:
        while os.read(0, 1024):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent", daemon=True).start()


def run_process(main: Callable[[Settings], Coroutine[None, None, None]], settings: Settings) -> None:
    """Run one of the coroutines above to its end."""
    raise_file_limit()
    uvloop.run(main(settings))
