"""What stands around every request: ids, traces, limits, and answers to what nobody expected."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI, Request
from pydantic import BaseModel
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from structlog.testing import capture_logs

from infra.http import problems
from infra.http.context import HeadAsGet, RequestContext, request_id, traceparent

LIMIT = 100
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


class Thing(BaseModel):
    name: str
    parts: list[int] = []


def app() -> FastAPI:
    app = FastAPI()

    async def make(thing: Thing) -> Thing:
        return thing

    async def fail() -> None:
        raise RuntimeError("secret detail")

    async def state(request: Request) -> Response:
        return Response(request.state.traceparent)

    app.add_api_route("/things", make, methods=["POST"])
    app.add_api_route("/fail", fail)
    app.add_api_route("/trace", state)
    problems.install(app)
    app.add_middleware(HeadAsGet)
    app.add_middleware(RequestContext, body_bytes_max=LIMIT)
    return app


def ask(method: str, path: str, content: bytes | AsyncIterator[bytes] | None = None, **headers: str) -> httpx.Response:
    async def asked() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app()), base_url="http://t") as client:
            sent = {name.replace("_", "-"): value for name, value in headers.items()}
            return await client.request(method, path, content=content, headers=sent)

    return asyncio.run(asked())


def post(content: bytes | AsyncIterator[bytes]) -> httpx.Response:
    return ask("POST", "/things", content, content_type="application/json")


def test_an_unexpected_error_leaks_nothing_but_has_an_id() -> None:
    answer = ask("GET", "/fail", request_id="mine")
    assert answer.status_code == 500
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert (answer.json()["code"], answer.json()["request_id"]) == ("internal-error", "mine")
    assert "secret detail" not in answer.text
    assert "RuntimeError" not in answer.text


def test_who_still_waits_when_the_server_ends_is_told_to_send_it_again() -> None:
    async def told() -> httpx.Response:
        reached = asyncio.Event()

        async def hang(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001
            reached.set()
            await asyncio.Event().wait()

        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=RequestContext(hang)), base_url="http://t") as client:
            waiting = asyncio.ensure_future(client.post("/v1/customers"))
            await reached.wait()
            waiting.cancel()  # as the server does when its patience is at an end
            return await waiting

    answer = asyncio.run(told())
    assert (answer.status_code, answer.json()["code"], answer.json()["retryable"]) == (503, "outcome-unknown", True)
    assert answer.headers["Retry-After"] == "1"


def test_a_body_that_is_not_json_is_400() -> None:
    assert (post(b'{"name": ').status_code, post(b'{"name": ').json()["code"]) == (400, "malformed-json")


def test_each_wrong_field_is_named_by_a_json_pointer() -> None:
    answer = post(b'{"parts": [1, "x"]}')
    assert answer.status_code == 422
    errors = [(error["in"], error["pointer"], error["code"]) for error in answer.json()["errors"]]
    assert errors == [("body", "/name", "missing"), ("body", "/parts/1", "int_parsing")]


def test_no_input_is_repeated_in_a_problem() -> None:
    assert "ada@example" not in post(b'{"name": {"email": "ada@example.com"}}').text


def test_a_body_past_the_limit_is_413_announced_or_streamed() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(5):
            yield b'{"name": "' + b"x" * 30

    for answer in (post(b"x" * (LIMIT + 1)), post(chunks())):
        assert (answer.status_code, answer.json()["code"]) == (413, "body-too-large")
        assert answer.headers["Request-Id"]


def test_a_body_within_the_limit_passes() -> None:
    assert post(b'{"name": "a"}').json() == {"name": "a", "parts": []}


def test_unknown_paths_and_methods_are_problems_too() -> None:
    for method, path, status, code in (("GET", "/x", 404, "not-found"), ("GET", "/things", 405, "method-not-allowed")):
        answer = ask(method, path)
        assert (answer.status_code, answer.json()["code"], answer.json()["instance"]) == (status, code, path)


@pytest.mark.parametrize(("given", "kept"), [("abc-1", True), (None, False), ("", False), ("a b", False), ("x" * 129, False)])
def test_a_callers_request_id_is_kept_where_it_is_a_token(given: str | None, kept: bool) -> None:
    assert (request_id(given) == given) is kept
    assert request_id(given)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (f"00-{TRACE}-00f067aa0ba902b7-00", True),
        (f"01-{TRACE}-00f067aa0ba902b7-01", True),
        (f"ff-{TRACE}-00f067aa0ba902b7-01", False),
        (f"00-{'0' * 32}-00f067aa0ba902b7-01", False),
        (f"00-{TRACE}-{'0' * 16}-01", False),
        (f"00-{TRACE.upper()}-00f067aa0ba902b7-01", False),
        (None, False),
    ],
)
def test_a_trace_goes_on_with_a_span_of_our_own(given: str | None, kept: bool) -> None:
    version, trace, span, _ = traceparent(given).split("-")
    assert version == "00"
    assert (trace == TRACE) is kept
    assert span != "00f067aa0ba902b7"


def test_head_has_the_headers_of_get_and_no_body() -> None:
    answer = ask("HEAD", "/trace")
    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["Content-Length"]) == len(traceparent(None))


def test_what_was_refused_is_logged_with_its_reason() -> None:
    with capture_logs() as lines:
        ask("POST", "/nowhere")
        post(b"{")
    told = [(line["path"], line["status"], line["problem"]) for line in lines if line["event"] == "request"]
    assert told == [("/nowhere", 404, "not-found"), ("/things", 400, "malformed-json")]
