"""RFC 9457 problems: one exception, the handlers that render it, and their documentation for OpenAPI.

Nothing internal leaks: an unexpected error is logged whole and answered as ``internal-error`` with the request's id alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Scope

MEDIA_TYPE = "application/problem+json"
TYPE_BASE = "https://subledger.dev/problems/"


class FieldError(BaseModel):
    """What is wrong with one part of a request: ``pointer`` is a JSON pointer into ``body``, or ``/name`` of a parameter."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)
    location: str = Field(alias="in", examples=["body"])
    pointer: str = Field(examples=["/price"])
    code: str = Field(examples=["missing"])
    detail: str = Field(examples=["Field required"])


class ProblemBody(BaseModel):
    """The answer to whatever did not work."""

    type: str = Field(examples=[TYPE_BASE + "not-found"])
    title: str
    status: int
    detail: str | None = None
    instance: str
    code: str = Field(examples=["not-found"])
    errors: list[FieldError] = []
    retryable: bool
    request_id: str
    allowed_transitions: list[str] | None = None
    required_position: str | None = None
    current_position: str | None = None


class Problem(Exception):
    """Answer this instead. ``headers`` go with it; ``extensions`` become members of the body beside the standard ones."""

    def __init__(
        self,
        status: int,
        code: str,
        title: str,
        detail: str | None = None,
        *,
        errors: Sequence[FieldError] = (),
        retryable: bool = False,
        headers: Mapping[str, str] | None = None,
        extensions: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(f"{status} {code}: {detail or title}")
        self.status = status
        self.code = code
        self.title = title
        self.detail = detail
        self.errors = tuple(errors)
        self.retryable = retryable
        self.headers = dict(headers or {})
        self.extensions = dict(extensions or {})


def not_found(what: str, name: str, headers: Mapping[str, str] | None = None) -> Problem:
    """Also the answer for what belongs to another tenant: whether it exists is none of the caller's business."""
    return Problem(404, "not-found", "Not found", f"There is no {what} {name!r} here.", headers=headers)


def invalid(location: str, pointer: str, code: str, detail: str) -> Problem:
    """422 for one part of a request that no schema could refuse."""
    error = FieldError(location=location, pointer=pointer, code=code, detail=detail)
    return Problem(422, "invalid-request", "The request is not valid", detail, errors=(error,))


def unavailable(code: str, title: str, detail: str, *, retry_after_s: int = 1, **extensions: str) -> Problem:
    """503: nothing is wrong with the request; the same one may be sent again."""
    headers = {"Retry-After": str(retry_after_s)}
    return Problem(503, code, title, detail, retryable=True, headers=headers, extensions=extensions)


def read_models_away() -> Problem:
    detail = "The read models cannot be asked right now. Commands are not concerned."
    return unavailable("read-model-unavailable", "The read models are away", detail)


def body_too_large() -> Problem:
    return Problem(413, "body-too-large", "The body is too large")


def internal_error() -> Problem:
    return Problem(500, "internal-error", "Something went wrong here", "The failure was logged under this request's id.")


def cut_short() -> Problem:
    """This process is ending, and waits no longer for what was asked of it."""
    return unavailable("outcome-unknown", "Not possible right now", "It may have been done: send it again with the same key.")


def problem_json(problem: Problem, instance: str, request_id: str) -> bytes:
    """The problem's body; ``instance`` is the path that it is about."""
    body: dict[str, Any] = {
        "type": TYPE_BASE + problem.code,
        "title": problem.title,
        "status": problem.status,
        "instance": instance,
        "code": problem.code,
        "errors": [error.model_dump(by_alias=True) for error in problem.errors],
        "retryable": problem.retryable,
        "request_id": request_id,
        **problem.extensions,
    }
    if problem.detail is not None:
        body["detail"] = problem.detail
    return orjson.dumps(body)


def render(request: Request, problem: Problem) -> Response:
    """The problem as an answer to this request, whose line in the log will name it."""
    request.state.problem = problem.code
    body = problem_json(problem, request.scope["path"], getattr(request.state, "request_id", ""))
    return Response(body, problem.status, headers=problem.headers, media_type=MEDIA_TYPE)


async def _on_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return render(request, error)


async def _on_validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = error.errors()
    if any(e["type"] == "json_invalid" for e in found):
        return render(request, Problem(400, "malformed-json", "The body is not JSON", "The body could not be parsed as JSON."))
    return render(request, Problem(422, "invalid-request", "The request is not valid", errors=[field_error(e) for e in found]))


def field_error(error: Mapping[str, Any]) -> FieldError:
    """A pydantic error as ours. Its input is left out: it may be personal."""
    location, *path = (str(part) for part in error["loc"])
    pointer = "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in path)
    return FieldError(location=location, pointer=pointer, code=error["type"], detail=error["msg"].removeprefix("Value error, "))


_HTTP_CODES = {
    400: ("bad-request", "The request could not be read"),
    404: ("not-found", "Not found"),
    405: ("method-not-allowed", "This method is not allowed here"),
    413: ("body-too-large", "The body is too large"),
    415: ("unsupported-media-type", "The body's media type is not supported"),
}


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code, title = _HTTP_CODES.get(error.status_code, ("http-error", "The request failed"))
    headers = {"Allow": _allowed(request, error)} if error.status_code == 405 else error.headers
    return render(request, Problem(error.status_code, code, title, headers=headers))


def _allowed(request: Request, error: HTTPException) -> str:
    """All methods of the path: the framework names those of one route. HEAD is answered wherever GET is."""
    methods = set((error.headers or {})["Allow"].split(", "))
    for route in request.app.routes:
        if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE:
            methods |= route.methods or set()
    return ", ".join(sorted(methods | {"HEAD"} if "GET" in methods else methods))


def install(app: FastAPI) -> None:
    """Every expected error of this app becomes a problem; RequestContext, around the app, answers the unexpected ones."""
    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(RequestValidationError, _on_validation)
    app.add_exception_handler(HTTPException, _on_http)
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        schema = generate()
        for operation in (operation for path in schema["paths"].values() for operation in path.values()):
            for status, response in operation["responses"].items():
                if int(status) >= 400 and "content" in response:
                    (content,) = response["content"].values()
                    response["content"] = {MEDIA_TYPE: content}
        return schema

    app.openapi = openapi  # type: ignore[method-assign]


async def answer_to(error: Exception, app: FastAPI, scope: Scope) -> Response:
    """What an app's handler for this kind of error answers, for what is answered before the app; raises an error that nobody
    expected.
    """
    for kind in type(error).__mro__:
        handler: Any = app.exception_handlers.get(kind)
        if handler is not None and kind is not Exception:
            response: Response = await handler(Request(scope), error)
            return response
    raise error


_TITLES = {
    400: "Malformed request",
    401: "No or no valid credentials",
    402: "The charge was declined",
    403: "Not allowed, or another tenant",
    404: "Not found",
    409: "Not possible in this state",
    412: "The resource has changed (If-Match)",
    413: "The body is too large",
    415: "The media type is not supported",
    422: "Not valid",
    428: "If-Match is required",
    429: "Too many of the tenant's commands are waiting; retryable",
    500: "Something went wrong here",
    503: "Not possible right now; retryable",
}


def documented(statuses: Iterable[int]) -> dict[int | str, dict[str, Any]]:
    """The ``responses`` of a route for these problem statuses (500 is always among them)."""
    return {status: {"model": ProblemBody, "description": _TITLES[status]} for status in sorted({*statuses, 500})}
