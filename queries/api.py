"""The query API: GET and HEAD under /v1, and this process's own health."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from fastapi import FastAPI, Request
from pydantic import BaseModel
from starlette.responses import Response

from infra.http import positions, problems
from infra.http.context import HeadAsGet, RequestContext
from infra.http.requests import Requests
from queries import api_catalog, api_customers, api_events, api_history, api_ledger
from queries.api_asking import Asked
from queries.api_front import Front
from queries.ports import ReadModels, ReadModelsUnavailable


def _wall_clock() -> datetime:
    return datetime.now(UTC)


class Health(BaseModel):
    status: str


class Readiness(Health):
    """``lag_s``: seconds since the rows held all that the log held; null: they never did."""

    position: str
    lag_s: float | None


def create_query_app(
    read: ReadModels,
    *,
    environment: str,
    admin_key: str | None = None,
    now: Callable[[], datetime] = _wall_clock,
    requests: Requests | None = None,
) -> FastAPI:
    """The app over the read models of one environment. ``now`` is the present of customers without a test clock; ``requests``
    counts.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await read.open()
        try:
            yield
        finally:
            await read.close()

    app = FastAPI(
        title="Subledger query API",
        description="What the ledger's read models know, and at which position.",
        version="1",
        # Under /v1, so that they are found where both APIs are one origin.
        docs_url="/v1/docs",
        openapi_url="/v1/openapi.json",
        redoc_url=None,
        lifespan=lifespan,
        redirect_slashes=False,
    )
    app.state.asked = Asked(read, environment, admin_key, now)
    problems.install(app)
    app.add_exception_handler(ReadModelsUnavailable, _on_unavailable)
    for router in (api_events.router, api_history.router, api_customers.router, api_ledger.router, api_catalog.router):
        app.include_router(router)
    app.add_api_route("/healthz", healthz, response_model=Health, tags=["health"])
    app.add_api_route("/readyz", readyz, response_model=Readiness, responses=problems.documented((503,)), tags=["health"])
    app.add_middleware(Front, asked=app.state.asked)
    app.add_middleware(HeadAsGet)
    app.add_middleware(RequestContext, requests=requests)
    return app


async def healthz() -> Health:
    """This process lives."""
    return Health(status="ok")


async def readyz(request: Request) -> Readiness:
    """The read models can be asked: Postgres answers and is migrated."""
    read: ReadModels = request.app.state.asked.read
    pending = await read.pending_migrations()
    if pending:
        detail = f"Migrations are pending: {', '.join(pending)}."
        raise problems.unavailable("read-model-unavailable", "The read models are not ready", detail)
    at = positions.format_positions(await read.positions())
    return Readiness(status="ready", position=at, lag_s=await read.lag_s())


async def _on_unavailable(request: Request, error: Exception) -> Response:
    assert isinstance(error, ReadModelsUnavailable)
    return problems.render(request, problems.read_models_away())


def end_streams(app: FastAPI) -> None:
    """Who waits for events is answered at once, and streams of events end: the process is about to."""
    app.state.asked.feed.watch.stop()
