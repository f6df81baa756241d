"""What a use case or the ledger answers instead of events, as problems."""

from __future__ import annotations

from fastapi import FastAPI, Request
from starlette.responses import Response

from commands.api_render import rate_limits
from commands.ports import QueueFull, Unavailable
from commands.shard import ClockAdvancing, StaleVersion
from domain.errors import NotFound, Refusal, RuleViolated, WrongState
from infra.http.etags import etag
from infra.http.problems import FieldError, Problem, render, unavailable


def problem_of(error: Refusal | Unavailable) -> Problem:
    """503 for what is not possible now, 429 where too much of the tenant waits; 404 for what the path names, 422 for one that the
    body names; 409 for a state, 412 for a version, 422 for a rule.
    """
    code, detail = error.code.replace("_", "-"), error.detail
    match error:
        case QueueFull():
            status, title = (503, "Not possible right now") if error.quota.full else (429, "Too many requests")
            headers = {"Retry-After": str(error.retry_after_s), **rate_limits(error.quota)}
            return Problem(status, code, title, detail, retryable=True, headers=headers)
        case Unavailable():
            return unavailable(code, "Not possible right now", detail, retry_after_s=error.retry_after_s)
        case StaleVersion():
            return Problem(412, code, "The resource has changed", detail, headers={"ETag": etag(error.current)})
        case ClockAdvancing():
            return Problem(409, code, "Not now", detail, retryable=error.retryable, headers={"Retry-After": "1"})
        case NotFound() if not error.pointer:
            return Problem(404, "not-found", "Not found", detail)
        case WrongState():
            return Problem(409, code, "Not possible in this state", detail, extensions={"allowed_transitions": error.allowed})
        case NotFound() | RuleViolated():
            return Problem(422, code, "The request breaks a rule", detail, errors=_errors(error))
    raise AssertionError(f"{type(error)} has no status")


def _errors(refusal: Refusal) -> list[FieldError]:
    if not refusal.pointer:
        return []
    return [FieldError(location="body", pointer=refusal.pointer, code=refusal.code, detail=refusal.detail)]


async def _on_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal | Unavailable)
    return render(request, problem_of(error))


def install(app: FastAPI) -> None:
    """Refusals, and the ledger being unavailable, become problems."""
    app.add_exception_handler(Refusal, _on_error)
    app.add_exception_handler(Unavailable, _on_error)
