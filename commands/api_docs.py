"""The OpenAPI document: what the routes say of themselves, the schemas of their bodies, the one security scheme."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel, TypeAdapter, create_model

from commands.api_headers import REASON_PATTERN
from infra.http.auth import TENANT_PATTERN
from infra.http.positions import MIN_POSITION, POSITIONS_PATTERN
from infra.http.problems import documented
from infra.http.resources import Preview, Receipt

_REF = "#/components/schemas/{model}Input"
DESCRIPTION = """\
Commands of the ledger. Every answer carries a receipt: the stream, its version, the position in the log and the event's hash.
The same `Idempotency-Key` with the same body gives the same answer again (`Idempotent-Replayed: true`), with another body 422.
With `?dry_run=true` every command answers what it would do, and nothing is kept.
Errors are problems (RFC 9457). Reads are the query API's: send it `Ledger-Position` as `Ledger-Min-Position` to read your writes.
"""


@cache
def answered(resource: type[BaseModel]) -> type[BaseModel]:
    """A resource with the receipt of the command that answers with it."""
    return create_model(f"{resource.__name__}Answer", __base__=resource, receipt=(Receipt, ...))


@cache
def previewed(resource: type[BaseModel]) -> type[BaseModel]:
    """What a dry run of a command answers with."""
    return create_model(f"{resource.__name__}Preview", __base__=Preview, resource=(resource, ...))


def _bare(answer: type[BaseModel]) -> type[BaseModel]:
    """The resource of an answer, without what comes with the commit."""
    return next(base for base in answer.__mro__ if issubclass(base, BaseModel) and "receipt" not in base.model_fields)


def operation(
    summary: str,
    *,
    returns: type[BaseModel],
    body: TypeAdapter[Any],
    example: Any,
    status: int,
    keyed: bool,
    conditional: bool,
    must_match: bool,
    pending: bool,
    of: str,
    problems: tuple[int, ...],
) -> dict[str, Any]:
    """Arguments of a command's route; what they mean stands at `commands.api_route.command`."""
    statuses = {
        400,
        401,
        403,
        409,
        413,
        415,
        422,
        429,
        503,
        *({404, 412} if conditional else ()),
        *({428} if must_match else ()),
        *problems,
    }
    parameters = [
        *([path_id(of)] if of else ()),
        _DRY_RUN,
        *_COMMON,
        header("Idempotency-Key", _KEY, required=keyed, pattern=_KEY_PATTERN),
    ]
    if conditional:
        parameters.append(
            header("If-Match", 'The version it must have, as its ETag: `"3"`.', required=must_match, pattern=_TAGS_PATTERN)
        )
    content = {"schema": body.json_schema(ref_template=_REF), "example": example}
    extra = {"parameters": parameters, "requestBody": {"required": True, "content": {"application/json": content}}}
    done = {"model": returns, "description": "Done; or done before, with the same key.", "headers": _headers(status)}
    preview = {"model": previewed(_bare(returns)), "description": "A dry run: what it would do."}
    either = {"model": returns | preview["model"], "description": "Done; or done before, with the same key; or a dry run."}
    answers: dict[int | str, Any] = {200: done | either} if status == 200 else {status: done, 200: preview}
    if pending:
        answers[202] = {"model": returns, "description": "No outcome yet: look at Location.", "headers": _headers(201)}
    return {
        "summary": summary,
        "status_code": status,
        "response_model": None,
        "responses": {**answers, **_limited(documented(statuses))},
        "openapi_extra": extra,
    }


def batch(line: type[BaseModel], example: Any, result: type[BaseModel], media_type: str) -> dict[str, Any]:
    """Arguments of the route that takes many commands, a line each."""
    request = {"required": True, "content": {media_type: {"schema": line.model_json_schema(), "example": example}}}
    content = {media_type: {"schema": result.model_json_schema(mode="serialization")}}
    return {
        "summary": "Send many commands",
        "status_code": 200,
        "response_model": None,
        "responses": {
            200: {"description": "A result a line, some of them problems.", "content": content},
            **documented({400, 401, 403, 415, 422, 503}),
        },
        "openapi_extra": {"parameters": list(_COMMON), "requestBody": request},
    }


def read(
    summary: str,
    *,
    returns: Any,
    parameters: tuple[dict[str, Any], ...] = (),
    problems: tuple[int, ...] = (),
    tagged: bool = False,
) -> dict[str, Any]:
    """Arguments of a route that only reads; ``tagged``: its answer has an ETag."""
    answers: dict[int | str, Any] = {200: {"model": returns, "description": "As of Ledger-Position."}}
    if tagged:
        answers[304] = {"description": "Not modified (If-None-Match)."}
        parameters += (header("If-None-Match", "An ETag: 304 where it is still the same."),)
    return {
        "summary": summary,
        "response_model": None,
        "responses": {**answers, **documented({400, 401, 403, *problems})},
        "openapi_extra": {"parameters": [_TENANT, *parameters]},
    }


def path_id(what: str) -> dict[str, Any]:
    return {"name": "id", "in": "path", "required": True, "description": what, "schema": {"type": "string"}}


def query(name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "description": description, "schema": schema}


def header(name: str, description: str, *, required: bool = False, **schema: Any) -> dict[str, Any]:
    schema = {"type": "string", **schema}
    return {"name": name, "in": "header", "required": required, "description": description, "schema": schema}


_KEY = "A new one for each new command, the same one to try again: up to 255 visible ASCII characters."
_KEY_PATTERN = r'^("([ !#-\[\]-~]|\\["\\]){1,255}"|[!#-~][!-~]{0,254})$'
_TAGS_PATTERN = r'^(\*|[ ,]*(W/)?"[!#-~]*" *(,[ ,]*(W/)?"[!#-~]*" *)*[ ,]*)$'
_DRY_RUN = query(
    "dry_run",
    "Only say what it would do: nothing is done or kept, and no Idempotency-Key is used up, nor needed.",
    {"type": "boolean"},
)
_TENANT = header("x-tn", "The tenant: required with the admin key, else it must agree with the key.", pattern=TENANT_PATTERN)
_COMMON = (
    _TENANT,
    header(
        "Ledger-Reason",
        "Why it is done, up to 500 characters; required with the admin key. It is kept in the clear for good: no personal data.",
        pattern=REASON_PATTERN,
    ),
    header(MIN_POSITION, "Wait until the catalog is read this far: `catalog@9`.", pattern=POSITIONS_PATTERN),
    header("Prefer", "`wait=5`: wait up to so many seconds (2 by default, 10 at most)."),
)


def _limited(responses: dict[int | str, dict[str, Any]]) -> dict[int | str, dict[str, Any]]:
    """With what is said to whoever is to come again later."""
    for status in (429, 503):
        responses[status]["headers"] = _described({"Retry-After": "In so many seconds.", **_LIMITS})
    return responses


_LIMITS = {
    "RateLimit-Policy": "How many of the tenant's commands may wait for their turn in a partition; where some do.",
    "RateLimit": "How many more may now.",
}


def _headers(status: int) -> dict[str, Any]:
    found = {
        "ETag": "The resource's version.",
        "Ledger-Position": "Where the log shows what was done; send it as Ledger-Min-Position to read it.",
        "Idempotent-Replayed": "`true` where this key did it before.",
        **_LIMITS,
    }
    if status == 201:
        found["Location"] = "The new resource."
    return _described(found)


def _described(headers: Mapping[str, str]) -> dict[str, Any]:
    return {name: {"description": text, "schema": {"type": "string"}} for name, text in headers.items()}


def install(app: FastAPI) -> None:
    """Make the app's document complete."""
    generate = app.openapi

    def document() -> dict[str, Any]:
        schema = generate()
        components = schema.setdefault("components", {})
        components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer", "description": "An API key: `sl_…`"}}
        for path, item in schema["paths"].items():
            for found in item.values():
                if path.startswith("/v1/"):
                    found["security"] = [{"key": []}]
                _hoist(found, components.setdefault("schemas", {}))
        return schema

    app.openapi = document  # type: ignore[method-assign]


def _hoist(operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Move what a body's schema defines for itself to where its references point."""
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    for name, definition in content.get("schema", {}).pop("$defs", {}).items():
        known = schemas.setdefault(f"{name}Input", definition)
        assert known == definition, f"two models of bodies are called {name}: one would stand for both"
