"""The command API: every route that appends, the test clocks, and whether this process lives and can serve."""

from __future__ import annotations

import orjson
from fastapi import FastAPI, Request
from starlette.responses import Response
from starlette.types import ASGIApp

from commands import (
    api_batch,
    api_catalog,
    api_cluster,
    api_customers,
    api_docs,
    api_invoices,
    api_keys,
    api_refusals,
    api_subscriptions,
    api_test_clocks,
    api_usage,
)
from commands.api_desk import Desk
from commands.api_forward import Peers
from commands.api_front import Front, RouteTable
from commands.api_route import ApiSettings
from commands.ports import Ledger, Vault
from infra.http import problems
from infra.http.context import HeadAsGet, RequestContext
from infra.http.requests import Requests

__all__ = ["ApiSettings", "create_command_app"]


COMMANDS = tuple(
    route
    for group in (api_subscriptions, api_invoices, api_customers, api_usage, api_catalog, api_keys, api_test_clocks)
    for route in group.ROUTES
)


def create_command_app(
    ledger: Ledger, vault: Vault, settings: ApiSettings, requests: Requests | None = None, peers: Peers | None = None
) -> ASGIApp:
    """The app over a ledger; ``vault`` opens what answers show of personal data, ``requests`` counts, ``peers`` do what this node
    does not own.
    """
    desk = Desk(ledger, vault, settings, peers)
    app = documented_app(ledger, desk)
    # Around the framework, not in it: what it does before any middleware costs a command 25 µs.
    front = Front(app, desk, RouteTable(COMMANDS))
    return RequestContext(HeadAsGet(front), unbounded=frozenset({api_batch.PATH}), requests=requests)


def documented_app(ledger: Ledger, desk: Desk) -> FastAPI:
    """What FastAPI serves and documents. The commands' routes stand here for the interface document, and for what comes with
    another method.
    """
    app = FastAPI(
        title="Subledger command API",
        description=api_docs.DESCRIPTION,
        version="1",
        redoc_url=None,
        generate_unique_id_function=lambda route: route.name.rstrip("_"),
    )
    problems.install(app)
    app.add_exception_handler(Exception, _unexpected)
    api_refusals.install(app)
    for route in COMMANDS:
        app.add_api_route(
            route.path, _answered_before, methods=["POST"], name=route.name, tags=[route.tag],
            description=route.description, **route.document(),
        )  # fmt: skip
    api_batch.add(app, desk, RouteTable(COMMANDS))
    api_test_clocks.add_reads(app, desk)
    api_cluster.add(app, desk)
    _health(app, ledger)
    api_docs.install(app)
    return app


async def _unexpected(request: Request, _: Exception) -> Response:
    return problems.render(request, problems.internal_error())


async def _answered_before() -> Response:
    raise AssertionError("commands are answered before the framework")


def _health(app: FastAPI, ledger: Ledger) -> None:
    @app.get("/healthz", tags=["Health"], summary="Is the process alive?", response_model=None)
    async def healthz() -> Response:
        """200 while it runs, whatever it can do."""
        return Response(b'{"status":"alive"}', media_type="application/json")

    @app.get(
        "/readyz",
        tags=["Health"],
        summary="Can it take commands?",
        response_model=None,
        responses=problems.documented({503}),
    )
    async def readyz(request: Request) -> Response:
        """200 when it owns its partitions and reaches the log; else 503 with the reasons."""
        reasons = ledger.unready()
        if not reasons:
            return Response(orjson.dumps({"status": "ready"}), media_type="application/json")
        problem = problems.Problem(
            503, "not-ready", "Not ready", retryable=True, headers={"Retry-After": "1"}, extensions={"reasons": reasons}
        )
        return problems.render(request, problem)
