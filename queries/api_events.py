"""The feed of a tenant's events: as a long poll, or as a stream (server-sent events) where the client accepts one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response
from starlette.responses import StreamingResponse

from infra.http import positions, problems
from infra.http.event_resources import EventPage
from infra.http.problems import Problem
from queries.api_asking import Ask, Asking
from queries.api_documents import FEED
from queries.api_feed import Page, cursor_text
from queries.api_parameters import BEGINNING, NOW, FeedParameters
from queries.feed import Cursor, Filter
from queries.ports import ReadModelsUnavailable

HEARTBEAT_S = 15.0
RETRY_MS = 2000
STREAM = "text/event-stream"
_STREAM_PAGE = 200

router = APIRouter(prefix="/v1", tags=["events"])


@router.get("/events", response_model=EventPage, responses=FEED)
async def get_events(
    request: Request,
    ask: Ask,
    parameters: Annotated[FeedParameters, Query()],
    last_event_id: Annotated[str | None, Header(description="Of a stream: where it goes on; before `after`.")] = None,
) -> Response:
    """The tenant's events of all streams, each as it stands in the log. All that concerns a customer comes in its order.

    With `Accept: text/event-stream` the answer is a stream: each event with the cursor after it as its `id`, a comment every
    15 s, and an event `problem` where it has to end before the client does. Else it is one page; where there is no event yet it
    comes with the first one, or without any when `wait` is over.
    """
    end = await ask.reached()
    after = _cursor(last_event_id, end, "header") if last_event_id else _cursor(parameters.after, end, "query")
    following = _Following(ask, request, parameters.filter(), after, end)
    if STREAM in request.headers.get("accept", ""):
        # Proxies pass on each event as it comes.
        headers = {"Cache-Control": "no-cache, no-store", "X-Accel-Buffering": "no"}
        if getattr(request.state, "is_head", False):
            return Response(headers=headers, media_type=STREAM)
        return StreamingResponse(following.stream(), headers=headers, media_type=STREAM)
    page = await following.poll(parameters.limit, parameters.wait)
    headers = {"Ledger-Position": positions.format_positions(following.end), **await ask.asked.staleness()}
    return Response(_list(page), media_type="application/json", headers=headers)


def _cursor(text: str, now: Cursor, location: str) -> Cursor:
    """The cursor that a client names; raises a 422 problem."""
    if text in (BEGINNING, NOW):
        return now if text == NOW else {}
    name = "after" if location == "query" else "Last-Event-ID"
    cursor = positions.parse_positions(text, location, name)
    positions.missing(cursor, now, location, name)  # names only partitions that there are
    return cursor


def _list(page: Page) -> str:
    """A page as text: the events as they are, neither parsed nor written again."""
    events, more = ",".join([event.json for event in page.events]), "true" if page.more else "false"
    return f'{{"object":"list","data":[{events}],"has_more":{more},"next_cursor":"{cursor_text(page.cursor)}"}}'


class _Following:
    """One request's way through the feed. ``end``: the positions up to which it looked."""

    def __init__(self, ask: Asking, request: Request, asked: Filter, after: Cursor, end: Cursor) -> None:
        self.end = end
        self._ask = ask
        self._tenant = ask.tenant
        self._feed = ask.asked.feed
        self._request = request
        self._filter = asked
        self._after = after

    async def _page(self, limit: int) -> Page:
        page = await self._feed.page(self._tenant, self._filter, self._after, self.end, limit)
        self._after = page.cursor
        return page

    async def poll(self, limit: int, wait_s: float) -> Page:
        """The next page; an empty one when the wait is over, the client has gone or the server ends."""
        deadline = time.monotonic() + wait_s
        page = await self._page(limit)
        if page.events or not wait_s:
            return page
        gone = asyncio.create_task(_gone(self._request))
        try:
            while not (page.events or gone.done() or self._feed.watch.stopped or time.monotonic() >= deadline):
                if not page.more:
                    self.end = await self._feed.watch.changed(self.end, deadline - time.monotonic(), gone)
                page = await self._page(limit)
        finally:
            gone.cancel()
        return page

    async def stream(self) -> AsyncIterator[str]:
        """Server-sent events, until the client goes, the server ends, or something stands in the way."""
        yield f"retry: {RETRY_MS}\n\n"
        try:
            async for text in self._stream():
                yield text
        except ReadModelsUnavailable:
            yield self._problem(problems.read_models_away())
        except Problem as problem:
            yield self._problem(problem)

    async def _stream(self) -> AsyncIterator[str]:
        due = time.monotonic() + HEARTBEAT_S
        while not self._feed.watch.stopped:
            page = await self._page(_STREAM_PAGE)
            if page.events:
                yield "".join([f"id: {event.cursor}\ndata: {event.json}\n\n" for event in page.events])
            if time.monotonic() >= due:
                await self._ask.still_allowed()
                due = time.monotonic() + HEARTBEAT_S
                # The id moves the client's cursor on past what its filter leaves out; without data nothing is dispatched.
                yield f": heartbeat\nid: {cursor_text(page.cursor)}\n\n"
            if not page.more:
                self.end = await self._feed.watch.changed(self.end, due - time.monotonic())
        yield ": the server ends; come back\n\n"

    def _problem(self, problem: Problem) -> str:
        body = bytes(problems.render(self._request, problem).body).decode()
        return f"event: problem\ndata: {body}\n\n"


async def _gone(request: Request) -> None:
    """Ends when the client has gone."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
