"""The way of every command over HTTP: authenticate, parse, make a Command of it, submit, answer.

The order of checks is the conventions': authentication, parsing, routing, idempotency, If-Match, domain; the last three are the
shard's. Nothing here waits for the client: once submitted, a command goes on whatever becomes of its connection.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import orjson
import structlog
from fastapi import Request
from pydantic import TypeAdapter
from starlette.responses import Response

from commands import api_body, api_headers, api_render
from commands.command import Command
from commands.ports import Answer, Ledger, Vault
from commands.unit import Unit
from domain.errors import NotFound
from domain.event import Aggregate
from domain.ids import keyed_hash
from infra.http.auth import Authenticator, Principal, StoredKey, tenant_required
from infra.http.etags import etag
from infra.http.positions import parse_positions, parse_wait_s
from infra.http.problems import Problem, invalid, unavailable

B = TypeVar("B")
_SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_JSON = orjson.OPT_UTC_Z


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiSettings:
    """``secret`` keys the hashes of idempotency keys and bodies, and makes ids; ``admin_key`` is the bootstrap admin's."""

    environment: str
    secret: bytes
    admin_key: str

    @property
    def is_sandbox(self) -> bool:
        return self.environment != "live"


@dataclass(frozen=True, slots=True)
class Call(Generic[B]):
    """A request that was authenticated and parsed. ``key`` is the caller's idempotency key, or one made here."""

    request: Request
    caller: Principal
    body: B
    key: str
    fingerprint: str
    version: int | None
    reason: str
    wait_s: float

    @property
    def tenant(self) -> str:
        return self.caller.tenant


class Desk:
    """What the routes share."""

    def __init__(self, ledger: Ledger, vault: Vault, settings: ApiSettings) -> None:
        self.ledger = ledger
        self.vault = vault
        self.settings = settings
        self._authenticator = Authenticator(settings.environment, settings.admin_key, self._find_key)

    async def _find_key(self, tenant: str, hashed: str) -> StoredKey | None:
        key = self.ledger.catalog.api_key(tenant, hashed)
        if key is None:
            return None
        return StoredKey(f"api_key:{key.api_key}", key.secret_hash, frozenset(key.permissions), key.revoked_at is not None)

    async def caller(self, headers: api_headers.Headers, permission: str) -> Principal:
        """Who sends this; raises a Problem with status 401 or 403."""
        caller = await self._authenticator.authenticate(
            api_headers.text(headers, b"authorization"), api_headers.text(headers, b"x-tn")
        )
        caller.require(permission)
        structlog.contextvars.bind_contextvars(tenant=caller.tenant)
        return caller

    async def call(
        self, request: Request, adapter: TypeAdapter[B], *, keyed: bool = False, admin: bool = False, makes_tenant: bool = False
    ) -> Call[B]:
        """Read a request. ``keyed``: an Idempotency-Key is required; ``admin``: only the bootstrap admin may."""
        headers = api_headers.read(request.scope["headers"])
        caller = await self.caller(headers, "write")
        if admin and not caller.is_admin:
            raise Problem(403, "permission-missing", "Not allowed", "Only the admin key may do this.")
        if not caller.tenant and not makes_tenant:
            raise tenant_required()
        if request.scope["query_string"]:
            raise invalid("query", "", "unknown_parameter", "Commands take no query parameters.")
        value = await _json(request, headers)
        body = api_body.validated(adapter, value)
        call = Call(
            request=request,
            caller=caller,
            body=body,
            key=_key(headers, keyed),
            fingerprint=keyed_hash(
                self.settings.secret, "fingerprint", request.method, request.scope["path"], api_body.canonical(value)
            ),
            version=api_headers.if_match(headers),
            reason=_reason(headers, caller),
            wait_s=parse_wait_s(api_headers.text(headers, b"prefer")),
        )
        least = parse_positions(api_headers.text(headers, b"ledger-min-position")).get("catalog", 0)
        if least and not await self.ledger.catalog_reaches(least, call.wait_s):
            raise unavailable("catalog-behind", "Not possible right now", "The catalog was not read that far in time.")
        return call

    async def submit(
        self, call: Call[B], handler: Callable[[Unit], Aggregate], *, customer: str = "", stream: str = "", tenant: str = ""
    ) -> Answer:
        """Have it done. ``stream`` is the one that If-Match is about; raises a Refusal or Unavailable."""
        if call.version is not None and not stream:
            raise Problem(400, "if-match-without-resource", "If-Match does not fit", "What is created here has no version yet.")
        tenant = tenant or call.tenant
        id = f"client:{keyed_hash(self.settings.secret, 'command', tenant, call.key)}"
        structlog.contextvars.bind_contextvars(command_id=id)
        return await self.ledger.submit(
            Command(
                tenant=tenant,
                customer=customer,
                id=id,
                handler=handler,
                fingerprint=call.fingerprint,
                if_match=None if call.version is None else (stream, call.version),
                actor=call.caller.actor,
                reason=call.reason,
                traceparent=call.request.state.traceparent,
                may_backdate=call.caller.is_admin or "backdate" in call.caller.permissions,
            )
        )

    def answer(
        self,
        answer: Answer,
        *,
        status: int = 200,
        location: str | None = None,
        resource: Aggregate | None = None,
        position: str | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> Response:
        """The resource, as of its own events where no newer one is given, with the command's receipt and headers."""
        shown = resource or answer.target
        body = api_render.resource(shown, self.vault)
        body["receipt"] = {
            "stream": answer.stream,
            "version": answer.version,
            "position": answer.position,
            "event_hash": answer.event_hash,
        }
        if extra:
            body.update(extra)
        headers = answer_headers(answer, position, location)
        headers["ETag"] = etag(api_render.tag(shown))
        return Response(orjson.dumps(body, option=_JSON), status, headers=headers, media_type="application/json")


def answer_headers(answer: Answer, position: str | None, location: str | None) -> dict[str, str]:
    """What goes with every answer to a command that appended, now or before."""
    headers = {"Ledger-Position": position or answer.position}
    if location is not None:
        headers["Location"] = location
    if answer.replayed:
        headers["Idempotent-Replayed"] = "true"
    return headers


def item_id(request: Request, kind: str) -> str:
    """The catalog item's id in the path; raises NotFound for what can be none."""
    id: str = request.path_params["id"]
    if _SLUG.fullmatch(id) is None:
        raise NotFound(kind, id)
    return id


async def _json(request: Request, headers: api_headers.Headers) -> Any:
    data = await request.body()
    if not data:
        return {}  # a command without details; where some are needed, each missing one is named
    content_type = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if content_type != b"application/json":
        raise Problem(415, "unsupported-media-type", "The body's media type is not supported", "Send application/json.")
    return api_body.parse(data)


def _key(headers: api_headers.Headers, required: bool) -> str:
    key = api_headers.idempotency_key(headers)
    if key is None and required:
        raise Problem(400, "idempotency-key-missing", "An Idempotency-Key is required", "Send a new key with each new command.")
    return key or secrets.token_hex(16)


def _reason(headers: api_headers.Headers, caller: Principal) -> str:
    reason = api_headers.reason(headers)
    if caller.is_admin and not reason:
        raise Problem(400, "reason-missing", "A reason is required", "The admin key must say why: Ledger-Reason.")
    return reason
