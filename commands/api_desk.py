"""The way of every command over HTTP: authenticate, parse, make a Command of it, submit (or send it on to its owner), answer.

The order of checks is the conventions': authentication, parsing, routing, idempotency, If-Match, domain; the last three are the
shard's. Nothing here waits for the client: once submitted, a command goes on whatever becomes of its connection.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import orjson
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope

from commands import api_body, api_headers, api_preview, api_render
from commands.api_forward import Peers, Reply, Request, headers_of, is_forwarded, target_of
from commands.api_route import ApiSettings, Call, CommandRoute, Order, Outcome, Sender
from commands.command import Command
from commands.ports import Answer, Ledger, NotServed, Vault
from commands.unit import Unit
from domain.errors import NotFound, Refusal
from domain.event import Aggregate
from domain.ids import CUSTOMER, is_id, keyed_hash, nobody
from infra.http.auth import Authenticator, Principal, StoredKey
from infra.http.context import log_with
from infra.http.positions import parse_positions, parse_wait_s
from infra.http.problems import Problem, unavailable

_JSON = orjson.OPT_UTC_Z


class Desk:
    """What the routes share. ``peers`` None: there are no other nodes."""

    def __init__(self, ledger: Ledger, vault: Vault, settings: ApiSettings, peers: Peers | None = None) -> None:
        self.ledger = ledger
        self.vault = vault
        self.settings = settings
        self.peers = peers
        self.mark = secrets.token_hex() if peers is None else peers.mark  # nobody sends on to one that is alone
        self._authenticator = Authenticator(settings.environment, settings.admin_key, self._find_key)

    async def _find_key(self, tenant: str, hashed: str) -> StoredKey | None:
        key = self.ledger.catalog.api_key(tenant, hashed)
        if key is None:
            await self.ledger.read_catalog()  # it may have been issued just now, at another node
            key = self.ledger.catalog.api_key(tenant, hashed)
        if key is None:
            return None
        return StoredKey(f"api_key:{key.api_key}", key.secret_hash, frozenset(key.permissions), key.revoked_at is not None)

    async def answer(self, route: CommandRoute[Any], id: str, scope: Scope, receive: Receive) -> Reply:
        """Have a request's command done; ``id`` is the one in its path. Raises a Problem, a Refusal or Unavailable."""
        forwarded = is_forwarded(scope, self.mark)
        headers = api_headers.read(scope["headers"])
        sender = await self.sender(headers, scope["state"]["traceparent"])
        route.permit(sender.caller)
        dry_run = api_preview.is_asked(scope["query_string"])
        body = await _body(receive)
        call = self.call(
            route,
            sender,
            path=scope["path"],
            id=id,
            value=_json(body, headers),
            key=api_headers.idempotency_key(headers),
            versions=api_headers.if_match(headers),
            matched=b"if-match" in headers,
            reason=sender.reason,
            dry_run=dry_run,
        )
        order = route.order(call)
        try:
            return await self._here(route, call, order)
        except NotServed as elsewhere:
            if self.peers is None or forwarded:
                raise
            headers_on = headers_of(scope, call.key)
            request = Request("POST", target_of(scope), headers_on, body, route.limit_s)
            return await self.peers.forward(elsewhere.partition, request, partial(self._here, route, call, order))

    async def _here(self, route: CommandRoute[Any], call: Call[Any], order: Order) -> Reply:
        """Raises NotServed where another node has to do it."""
        command = self.command(call, order)
        log_with(command_id=command.id)
        if call.dry_run:
            return api_preview.reply(await self.ledger.preview(command), self.vault)
        return await self.reply(route, order, self.ledger.submit(command))

    async def caller(self, headers: api_headers.Headers, permission: str) -> Principal:
        """Who sends this; raises a Problem with status 401 or 403."""
        caller = await self._authenticator.authenticate(
            api_headers.text(headers, b"authorization"), api_headers.text(headers, b"x-tn")
        )
        caller.require(permission)
        log_with(tenant=caller.tenant)
        return caller

    async def sender(self, headers: api_headers.Headers, traceparent: str) -> Sender:
        """Who sends commands, once the catalog is read as far as they ask; raises a Problem."""
        caller = await self.caller(headers, "write")
        reason = api_headers.reason(headers)
        wait_s = parse_wait_s(api_headers.text(headers, b"prefer"))
        least = parse_positions(api_headers.text(headers, b"ledger-min-position")).get("catalog", 0)
        if least and not await self.ledger.catalog_reaches(least, wait_s):
            raise unavailable("catalog-behind", "Not possible right now", "The catalog was not read that far in time.")
        return Sender(caller, reason, wait_s, traceparent)

    def call(
        self,
        route: CommandRoute[Any],
        sender: Sender,
        *,
        path: str,
        id: str,
        value: Any,
        key: str | None,
        versions: frozenset[int] | None,
        matched: bool,
        reason: str,
        dry_run: bool = False,
    ) -> Call[Any]:
        """A command of what was read, with If-Match or without; raises a Problem. A dry run needs no key."""
        body = api_body.validated(route.body, value)
        if key is None and route.keyed and not dry_run:
            raise Problem(400, "idempotency-key-missing", "An Idempotency-Key is required", "Send one with each command.")
        if route.must_match and not matched:
            detail = "Say which version you know, as its ETag, or * for any."
            raise Problem(428, "if-match-missing", "If-Match is required", detail)
        if sender.caller.is_admin and not reason:
            raise Problem(400, "reason-missing", "A reason is required", "The admin key must say why: Ledger-Reason.")
        fingerprint = keyed_hash(self.settings.secret, "fingerprint", "POST", path, api_body.canonical(value))
        key = key or secrets.token_hex(16)
        return Call(route.name, sender, self.settings, id, body, key, fingerprint, versions, reason, dry_run)

    def command(self, call: Call[Any], order: Order) -> Command:
        """What the ledger is asked to do; raises a Problem, a Refusal or Unavailable."""
        if call.versions is not None and not order.stream:
            raise Problem(400, "if-match-without-resource", "If-Match does not fit", "What is created here has no version yet.")
        tenant, caller = order.tenant or call.tenant, call.sender.caller
        customer, handler = self._home(tenant, order)
        return Command(
            tenant=tenant,
            customer=customer,
            id=f"client:{keyed_hash(self.settings.secret, 'once' if order.once else 'command', tenant, order.once or call.key)}",
            handler=handler,
            fingerprint=call.fingerprint,
            if_match=None if call.versions is None else (order.stream, call.versions),
            actor=caller.actor,
            reason=call.reason,
            traceparent=call.sender.traceparent,
            may_backdate=caller.is_admin or "backdate" in caller.permissions,
            name=call.name,
        )

    def _home(self, tenant: str, order: Order) -> tuple[str, Callable[[Unit], Aggregate]]:
        """The customer that an order is about (empty for the catalog), and what decides it. Raises NotServed, Unavailable."""
        home = order.home
        if not home or is_id(home, CUSTOMER):
            return home, order.handler
        try:
            return self.ledger.customer_of(tenant, home), order.handler
        except NotFound as not_found:
            not_found.pointer = order.pointer
            # Decided by a handler like any other refusal: it is answered only once it is seen that the partition is still ours.
            return nobody(home), partial(_refuse, not_found)

    async def reply(self, route: CommandRoute[Any], order: Order, answering: Awaitable[Answer]) -> Reply:
        """The resource, as of its own events unless the order waits for more, with the command's receipt and headers."""
        answer = await answering
        return self.render(route, answer, None if order.outcome is None else await order.outcome(self.ledger, answer))

    def render(self, route: CommandRoute[Any], answer: Answer, outcome: Outcome | None = None) -> Reply:
        """The reply to a command that is done, once its outcome is known where it has one."""
        outcome = outcome or Outcome(answer.target, route.status)
        body = api_render.resource(outcome.resource, self.vault)
        body["receipt"] = {
            "stream": answer.stream,
            "version": answer.version,
            "position": answer.position,
            "event_hash": answer.event_hash,
        }
        body.update(outcome.extra)
        located = outcome.status in (201, 202)
        headers = api_render.answer_headers(answer, outcome.resource, located=located, position=outcome.position)
        return Reply(outcome.status, headers, orjson.dumps(body, option=_JSON))


def _refuse(refusal: Refusal, _: Unit) -> Aggregate:
    raise refusal


async def _body(receive: Receive) -> bytes:
    """Raises ClientDisconnect where the end does not come."""
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        part: bytes = message.get("body", b"")
        body = body + part if body else part
        if not message.get("more_body", False):
            return body


def _json(data: bytes, headers: api_headers.Headers) -> Any:
    if not data:
        return {}  # a command without details; where some are needed, each missing one is named
    content_type = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if content_type != b"application/json":
        raise Problem(415, "unsupported-media-type", "The body's media type is not supported", "Send application/json.")
    return api_body.parse(data)
