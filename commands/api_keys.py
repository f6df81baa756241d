"""Commands on API keys: issue and revoke. Only the bootstrap admin may."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from commands.api_docs import answered
from commands.api_route import Call, Order, Outcome, command, item_id
from commands.catalog.api_keys import IssueApiKey, issue_api_key, key_text, revoke_api_key
from commands.ports import Answer, Ledger
from domain.catalog.aggregates import ApiKey, stream
from infra.http import resources


class _Nothing(BaseModel):
    model_config = ConfigDict(extra="forbid", title="Nothing")


class IssuedApiKey(answered(resources.ApiKey)):  # type: ignore[misc]
    """A new key, with its text: keep it, it can only be had again by the same request with the same Idempotency-Key."""

    key: str = Field(examples=["sl_sandbox_acme_0f3a…"])


@command(
    "/v1/api-keys",
    "Issue an API key",
    tag="API keys",
    body=TypeAdapter(IssueApiKey),
    example={"name": "backend", "permissions": ["read", "write"]},
    returns=IssuedApiKey,
    status=201,
    admin=True,
    problems=(404,),
)
def issue_api_key_(call: Call[IssueApiKey]) -> Order:
    """With the bootstrap admin key only. `["read"]` makes a read-only key; `backdate` allows dates in the past."""
    settings = call.settings

    async def with_text(_: Ledger, answer: Answer) -> Outcome:
        assert isinstance(answer.target, ApiKey)
        text = key_text(settings.secret, settings.environment, call.tenant, answer.target.api_key)
        return Outcome(answer.target, 201, extra={"key": text})

    return Order(lambda unit: issue_api_key(unit, call.body, settings.environment), outcome=with_text)


@command(
    "/v1/api-keys/{id}/revoke",
    "Revoke an API key",
    tag="API keys",
    body=TypeAdapter(_Nothing),
    example={},
    returns=answered(resources.ApiKey),
    admin=True,
    conditional=True,
    of="The key's id: `key_…`, not its text.",
)
def revoke_api_key_(call: Call[_Nothing]) -> Order:
    """With the bootstrap admin key only. From the answer on nothing is accepted from it; other nodes hear of it in a moment."""
    id = item_id(call.id, "api_key")
    return Order(lambda unit: revoke_api_key(unit, id), stream=stream(call.tenant, "api-key", id))


ROUTES = (issue_api_key_, revoke_api_key_)
