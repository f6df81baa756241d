"""Routes of API keys. Only the bootstrap admin issues and revokes them."""

from __future__ import annotations

from fastapi import FastAPI, Request
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from starlette.responses import Response

from commands.api_desk import Desk, item_id
from commands.api_docs import answered, operation, path_id
from commands.catalog.api_keys import IssueApiKey, issue_api_key, key_text, revoke_api_key
from domain.catalog.aggregates import ApiKey, stream
from infra.http import resources


class _Nothing(BaseModel):
    model_config = ConfigDict(extra="forbid", title="Nothing")


class IssuedApiKey(answered(resources.ApiKey)):  # type: ignore[misc]
    """A new key, with its text: keep it, it can only be had again by the same request with the same Idempotency-Key."""

    key: str = Field(examples=["sl_sandbox_acme_0f3a…"])


_ISSUE = TypeAdapter(IssueApiKey)
_REVOKE = TypeAdapter(_Nothing)


def routes(app: FastAPI, desk: Desk) -> None:
    """Issue and revoke."""

    @app.post(
        "/v1/api-keys",
        tags=["API keys"],
        **operation(
            "Issue an API key",
            body=_ISSUE,
            example={"name": "backend", "permissions": ["read", "write"]},
            returns=IssuedApiKey,
            status=201,
            problems=(404,),
        ),
    )
    async def issue_api_key_(request: Request) -> Response:
        """With the bootstrap admin key only. `["read"]` makes a read-only key; `backdate` allows dates in the past."""
        call = await desk.call(request, _ISSUE, admin=True)
        settings = desk.settings
        answer = await desk.submit(call, lambda unit: issue_api_key(unit, call.body, settings.environment))
        assert isinstance(answer.target, ApiKey)
        id = answer.target.api_key
        text = key_text(settings.secret, settings.environment, call.tenant, id)
        return desk.answer(answer, status=201, location=f"/v1/api-keys/{id}", extra={"key": text})

    @app.post(
        "/v1/api-keys/{id}/revoke",
        tags=["API keys"],
        **operation(
            "Revoke an API key",
            body=_REVOKE,
            example={},
            returns=answered(resources.ApiKey),
            conditional=True,
            path=path_id("The key's id: `key_…`, not its text."),
        ),
    )
    async def revoke_api_key_(request: Request) -> Response:
        """With the bootstrap admin key only. From the answer on nothing is accepted from it."""
        call = await desk.call(request, _REVOKE, admin=True)
        id = item_id(request, "api_key")
        answer = await desk.submit(call, lambda unit: revoke_api_key(unit, id), stream=stream(call.tenant, "api-key", id))
        return desk.answer(answer)
