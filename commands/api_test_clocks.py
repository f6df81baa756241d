"""Routes of test clocks, in sandboxes only; with the only reads here, since the time is the command side's."""

from __future__ import annotations

import asyncio
from base64 import urlsafe_b64decode, urlsafe_b64encode

import orjson
from fastapi import FastAPI, Request
from pydantic import TypeAdapter
from starlette.datastructures import QueryParams
from starlette.responses import Response

from commands import api_headers, api_render
from commands.api_desk import Desk
from commands.api_docs import answered, path_id, query, read
from commands.api_route import ApiSettings, Call, Order, Outcome, command, item_id
from commands.catalog.test_clocks import AdvanceClock, CreateClock, advance_clock, create_clock
from commands.ports import Answer, Ledger
from domain.catalog.aggregates import Clock, stream
from domain.errors import NotFound
from infra.http import resources
from infra.http.auth import tenant_required
from infra.http.etags import etag, none_match
from infra.http.problems import Problem, invalid

_CLOCK = "The test clock."
_PATH = path_id(_CLOCK)
_LIMIT_DEFAULT, _LIMIT_MAX = 20, 100
# Years may pass for thousands of customers; a proxy waits as long.
_ADVANCE_LIMIT_S = 300.0


class AdvancedClock(answered(resources.TestClock)):  # type: ignore[misc]
    """The clock at its new time. At ``positions`` the log shows everything that followed."""

    positions: list[str]


@command(
    "/v1/test-clocks",
    "Create a test clock",
    tag="Test clocks",
    body=TypeAdapter(CreateClock),
    example={"id": "clock-1", "now": "2026-01-01T00:00:00Z"},
    returns=answered(resources.TestClock),
    status=201,
    problems=(404,),
)
def create_test_clock(call: Call[CreateClock]) -> Order:
    """A time of its own for the customers who are registered with it: it stands still until it is advanced."""
    _sandbox_only(call.settings)
    return Order(lambda unit: create_clock(unit, call.body))


@command(
    "/v1/test-clocks/{id}/advance",
    "Advance a test clock",
    tag="Test clocks",
    body=TypeAdapter(AdvanceClock),
    example={"now": "2026-02-01T00:00:00Z"},
    returns=AdvancedClock,
    conditional=True,
    of=_CLOCK,
    limit_s=_ADVANCE_LIMIT_S,
)
def advance_test_clock(call: Call[AdvanceClock]) -> Order:
    """Everything due before the new time is done, in order and once; answers when all of it is committed.
    After a 503 or a broken connection send the same request again: it goes on from where it was.
    """
    _sandbox_only(call.settings)
    id = item_id(call.id, "test_clock")
    return Order(lambda unit: advance_clock(unit, id, call.body), stream=stream(call.tenant, "clock", id), outcome=_advanced)


async def _advanced(ledger: Ledger, answer: Answer) -> Outcome:
    assert isinstance(answer.target, Clock)
    positions = await asyncio.shield(asyncio.ensure_future(ledger.advance(answer.target)))
    if not any(position.startswith("catalog@") for position in positions):
        positions = [*positions, answer.position]
    return Outcome(answer.target, position=", ".join(positions), extra={"positions": positions})


ROUTES = (create_test_clock, advance_test_clock)


def add_reads(app: FastAPI, desk: Desk) -> None:
    """List, and get one."""

    @app.get(
        "/v1/test-clocks",
        tags=["Test clocks"],
        **read(
            "List test clocks",
            returns=resources.Page[resources.TestClock],
            parameters=(
                query("limit", "How many, at most.", {"type": "integer", "minimum": 1, "maximum": _LIMIT_MAX, "default": 20}),
                query("cursor", "`next_cursor` of the page before.", {"type": "string"}),
            ),
            problems=(422, 503),
        ),
    )
    async def list_test_clocks(request: Request) -> Response:
        """Newest first."""
        tenant = await _reader(desk, request)
        limit, after = _page(request.query_params)
        clocks = [clock for clock in desk.ledger.catalog.clocks() if clock.tenant == tenant]
        clocks.sort(key=_place, reverse=True)
        left = [clock for clock in clocks if after is None or _place(clock) < after]
        data, more = left[:limit], len(left) > limit
        page = {
            "object": "list",
            "data": [api_render.clock(clock) for clock in data],
            "has_more": more,
            "next_cursor": _cursor(data[-1]) if more else None,
        }
        return _read(desk, page, {})

    @app.get(
        "/v1/test-clocks/{id}",
        tags=["Test clocks"],
        **read("Get a test clock", returns=resources.TestClock, parameters=(_PATH,), problems=(404, 422, 503), tagged=True),
    )
    async def get_test_clock(request: Request) -> Response:
        """As of the newest command."""
        tenant = await _reader(desk, request)
        if request.query_params:
            raise invalid("query", "", "unknown_parameter", "There are no query parameters here.")
        id = item_id(request.path_params["id"], "test_clock")
        clock = next((one for one in desk.ledger.catalog.clocks() if (one.tenant, one.clock) == (tenant, id)), None)
        if clock is None:
            raise NotFound("test_clock", id)
        headers = {"ETag": etag(clock.version)}
        if none_match(request.headers.get("if-none-match"), clock.version):
            return Response(status_code=304, headers=headers)
        return _read(desk, api_render.clock(clock), headers)


def _sandbox_only(settings: ApiSettings) -> None:
    if not settings.is_sandbox:
        raise Problem(403, "test-clocks-not-in-live", "Test clocks are for sandboxes", "This environment is live.")


async def _reader(desk: Desk, request: Request) -> str:
    """The tenant that asks, once this node knows all that the catalog holds."""
    caller = await desk.caller(api_headers.read(request.scope["headers"]), "read")
    _sandbox_only(desk.settings)
    if not caller.tenant:
        raise tenant_required()
    await desk.ledger.read_catalog()
    return caller.tenant


def _read(desk: Desk, body: dict[str, object], headers: dict[str, str]) -> Response:
    headers["Ledger-Position"] = f"catalog@{desk.ledger.catalog.sequence}"
    return Response(orjson.dumps(body, option=orjson.OPT_UTC_Z), headers=headers, media_type="application/json")


def _place(clock: Clock) -> tuple[str, str]:
    """Where a clock stands in the list: by creation, then by id."""
    return clock.created_on.isoformat(), clock.clock


def _cursor(clock: Clock) -> str:
    return urlsafe_b64encode(orjson.dumps(_place(clock))).decode()


def _page(parameters: QueryParams) -> tuple[int, tuple[str, str] | None]:
    """``limit`` and what ``cursor`` stands for; raises a Problem with status 422."""
    for name in parameters:
        if name not in ("limit", "cursor"):
            raise invalid("query", f"/{name}", "unknown_parameter", "There is no such query parameter here.")
    limit = parameters.get("limit", str(_LIMIT_DEFAULT))
    if not (limit.isascii() and limit.isdigit() and len(limit) < 10 and 1 <= int(limit) <= _LIMIT_MAX):
        raise invalid("query", "/limit", "limit_out_of_range", f"limit is from 1 to {_LIMIT_MAX}.")
    if "cursor" not in parameters:
        return int(limit), None
    try:
        created, id = orjson.loads(urlsafe_b64decode(parameters["cursor"].encode()))
        return int(limit), (str(created), str(id))
    except (ValueError, TypeError):
        raise invalid("query", "/cursor", "cursor_invalid", "This is no cursor of this list.") from None
