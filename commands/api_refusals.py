"""What a use case or the ledger answers instead of events, as problems."""

from __future__ import annotations

from fastapi import FastAPI, Request
from starlette.responses import Response

from commands.ports import Unavailable
from commands.shard import ClockAdvancing, StaleVersion
from domain.errors import NotFound, Refusal, RuleViolated, WrongState
from infra.http.etags import etag
from infra.http.problems import FieldError, Problem, render, unavailable


def problem_of(refusal: Refusal) -> Problem:
    """404 for what the path names, 422 for one that the body names; 409 for a state, 412 for a version, 422 for a rule."""
    code, detail = refusal.code.replace("_", "-"), refusal.detail
    match refusal:
        case StaleVersion():
            return Problem(412, code, "The resource has changed", detail, headers={"ETag": etag(refusal.current)})
        case ClockAdvancing():
            return Problem(409, code, "Not now", detail, retryable=True, headers={"Retry-After": "1"})
        case NotFound() if not refusal.pointer:
            return Problem(404, "not-found", "Not found", detail)
        case WrongState():
            return Problem(409, code, "Not possible in this state", detail, extensions={"allowed_transitions": refusal.allowed})
        case NotFound() | RuleViolated():
            return Problem(422, code, "The request breaks a rule", detail, errors=_errors(refusal))
    raise AssertionError(f"{type(refusal)} has no status")


def _errors(refusal: Refusal) -> list[FieldError]:
    if not refusal.pointer:
        return []
    return [FieldError(location="body", pointer=refusal.pointer, code=refusal.code, detail=refusal.detail)]


async def _on_refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return render(request, problem_of(error))


async def _on_unavailable(request: Request, error: Exception) -> Response:
    assert isinstance(error, Unavailable)
    code = error.code.replace("_", "-")
    return render(request, unavailable(code, "Not possible right now", error.detail, retry_after_s=error.retry_after_s))


def install(app: FastAPI) -> None:
    """Refusals, and the ledger being unavailable, become problems."""
    app.add_exception_handler(Refusal, _on_refusal)
    app.add_exception_handler(Unavailable, _on_unavailable)
