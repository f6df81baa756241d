"""How a request asks: authenticated, in its tenant, not before its ``Ledger-Min-Position``; and how it is answered."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Header, Request, Response, Security
from fastapi.security import HTTPBearer
from pydantic import BaseModel

from domain.ids import KINDS, is_id, partition_of
from infra.http import etags, positions, problems
from infra.http.auth import TENANT_PATTERN, Authenticator, Principal, StoredKey, tenant_required
from infra.http.context import log_with
from infra.http.problems import Problem
from infra.http.resources import Page as PageBody
from queries import api_keys, lists
from queries.api_feed import Feed
from queries.entitlements import Holdings, held
from queries.ports import ReadModels, Row, Snapshot
from queries.together import Together

KEY_CACHE_S = 2.0
_KEY_CACHE_MAX = 1000
# A projector that follows says every second or so that it holds all that the log held.
STALE_AFTER_S = 10.0
LOOK_AGAIN_S = 1.0
_POLL_S = 0.02
_ITEM = re.compile(r"[A-Za-z0-9._@:~-]{1,200}")
_bearer = HTTPBearer(auto_error=False, description="An API key, or the bootstrap admin key with x-tn.")

Answer = TypeVar("Answer")
Query = Callable[[Snapshot], Awaitable[Answer]]


class Asked:
    """What one app asks with: the read models, the keys in them, the wall clock."""

    def __init__(self, read: ReadModels, environment: str, admin_key: str | None, now: Callable[[], datetime]) -> None:
        self.read = read
        self.now = now
        self.authenticator = Authenticator(environment, admin_key, self._find_key)
        self.feed = Feed(read)
        self.holdings = Together(partial(held, read))
        self._key_rows = Together(partial(api_keys.by_hash, read))
        self._keys: dict[tuple[str, str], tuple[float, StoredKey]] = {}
        self._stale: dict[str, str] = {}
        self._looked_at = -LOOK_AGAIN_S

    async def begin(
        self,
        authorization: str | None,
        *,
        x_tn: str | None,
        min_position: str | None,
        prefer: str | None,
        if_none_match: str | None,
    ) -> Asking:
        """Authenticate and parse a request, by its headers. Raises a Problem."""
        required, wait_s = positions.parse_positions(min_position), positions.parse_wait_s(prefer)
        try:
            principal = await self.authenticator.authenticate(authorization, x_tn)
        except Problem as problem:
            if problem.status != 401 or "catalog" not in required:
                raise
            # The key may be as new as the position that its issue answered.
            await self.reached({"catalog": required["catalog"]}, wait_s)
            principal = await self.authenticator.authenticate(authorization, x_tn)
        principal.require("read")
        log_with(tenant=principal.tenant)
        return Asking(self, principal, required, wait_s, if_none_match, (authorization, x_tn))

    async def staleness(self) -> Mapping[str, str]:
        """The header ``Stale-Since``, where the projector has not been at the log's end for a while: since when it has not."""
        if time.monotonic() - self._looked_at >= LOOK_AGAIN_S:
            self._looked_at = time.monotonic()
            lag_s = await self.read.lag_s()
            behind = lag_s is not None and lag_s > STALE_AFTER_S
            since = self.now() - timedelta(seconds=lag_s or 0)
            self._stale = {"Stale-Since": since.isoformat(timespec="seconds").replace("+00:00", "Z")} if behind else {}
        return self._stale

    async def _find_key(self, tenant: str, secret_hash: str) -> StoredKey | None:
        """A key by its hash, remembered for a moment: a revocation holds at the latest when that is over."""
        cached = self._keys.get((tenant, secret_hash))
        if cached is not None and time.monotonic() < cached[0]:
            return cached[1]
        row, _ = await self._key_rows.find(tenant, secret_hash)
        if row is None:
            return None
        key = StoredKey(row["id"], row["secret_hash"], frozenset(row["permissions"]), row["revoked_at"] is not None)
        if len(self._keys) >= _KEY_CACHE_MAX:
            self._keys.clear()
        self._keys[tenant, secret_hash] = (time.monotonic() + KEY_CACHE_S, key)
        return key

    async def reached(self, required: Mapping[str, int], wait_s: float) -> Mapping[str, int]:
        """The projector's positions, once they have reached ``required`` or the wait is over."""
        deadline = time.monotonic() + wait_s
        while True:
            current = await self.feed.watch.now()
            if not positions.missing(required, current) or time.monotonic() >= deadline:
                return current
            await asyncio.sleep(_POLL_S)


@dataclass(frozen=True, slots=True)
class Asking:
    """One authenticated request."""

    asked: Asked
    principal: Principal
    required: Mapping[str, int]
    wait_s: float
    if_none_match: str | None
    credentials: tuple[str | None, str | None]

    @property
    def tenant(self) -> str:
        """The tenant that the caller acts in. Raises a 400 problem."""
        if not self.principal.tenant:
            raise tenant_required()
        return self.principal.tenant

    async def still_allowed(self) -> None:
        """For an answer that takes long: raises a 401 problem where the key has been revoked meanwhile."""
        await self.asked.authenticator.authenticate(*self.credentials)

    async def reached(self) -> Mapping[str, int]:
        """Where the read models stand, which has reached the required positions. Raises a 503 problem."""
        current = await self.asked.reached(self.required, self.wait_s)
        if positions.missing(self.required, current):
            raise positions.read_model_behind(self.required, current)
        return current

    async def ask(self, query: Query[Answer], tenant: str | None = None) -> tuple[Answer, Mapping[str, int]]:
        """The query's answer and the positions it is true at, which have reached the required ones. Raises a 503 problem."""
        tenant = tenant or self.tenant
        async with self.asked.read.snapshot(tenant) as snapshot:
            if not positions.missing(self.required, snapshot.positions):
                return await query(snapshot), snapshot.positions
        await self.reached()
        async with self.asked.read.snapshot(tenant) as snapshot:
            return await query(snapshot), snapshot.positions

    async def holdings(self, customer: str) -> tuple[Holdings | None, Mapping[str, int]]:
        """What a customer holds, None where there is none, at positions that have reached the required ones."""
        found, at = await self.asked.holdings.find(self.tenant, customer)
        if positions.missing(self.required, at):
            await self.reached()
            found, at = await self.asked.holdings.find(self.tenant, customer)
        return found, at

    async def one(
        self,
        model: type[BaseModel],
        query: Query[Row | None],
        what: str,
        id: str,
        *,
        partition: str = "",
        tenant: str | None = None,
        tagged: Sequence[str] = ("version",),
    ) -> Response:
        """One resource, 304 where the client has it, or 404. ``partition``: the one it lives in, if not its id's.

        Its ETag is made of the fields ``tagged``; what has none of them has no ETag.
        """
        row, at = await self.ask(query, tenant)
        return await self.answer_one(model, row, at, what, id, partition=partition, tagged=tagged)

    async def answer_one(
        self,
        model: type[BaseModel],
        row: Row | None,
        at: Mapping[str, int],
        what: str,
        id: str,
        *,
        partition: str = "",
        tagged: Sequence[str] = ("version",),
    ) -> Response:
        """The same for a row that was found at these positions."""
        headers = {"Ledger-Position": _position(id, partition, at), **await self.asked.staleness()}
        if row is None:
            raise problems.not_found(what, id, headers)
        tag = "-".join(str(row[name]) for name in tagged if name in row)
        if tag:
            headers["ETag"] = etags.etag(tag)
            if etags.none_match(self.if_none_match, tag):
                return Response(status_code=304, headers=headers)
        return _json(model.model_validate(row), headers)

    async def page(
        self, model: type[BaseModel], query: Query[lists.Page | None], what: str = "", id: str = "", *, partition: str = ""
    ) -> Response:
        """A page of resources; 404 where what it is a list of (``what`` named ``id``) is not there."""
        try:
            found, at = await self.ask(query)
        except lists.InvalidCursor as error:
            raise problems.invalid("query", "/cursor", "cursor_invalid", str(error)) from error
        return await self.answer_page(model, found, at, what, id, partition=partition)

    async def answer_page(
        self,
        model: type[BaseModel],
        found: lists.Page | None,
        at: Mapping[str, int],
        what: str,
        id: str,
        *,
        partition: str = "",
    ) -> Response:
        """The same for what was found at these positions."""
        headers = {"Ledger-Position": _position(id, partition, at), **await self.asked.staleness()}
        if found is None:
            raise problems.not_found(what, id, headers)
        return _page(model, found, headers)


def _page(model: type[BaseModel], found: lists.Page, headers: Mapping[str, str]) -> Response:
    data = [model.model_validate(row) for row in found.data]
    cursor = found.next_cursor
    return _json(PageBody[model](data=data, has_more=cursor is not None, next_cursor=cursor), headers)  # type: ignore[valid-type]


def _json(body: BaseModel, headers: Mapping[str, str]) -> Response:
    return Response(body.model_dump_json(), media_type="application/json", headers=headers)


def _position(id: str, partition: str, at: Mapping[str, int]) -> str:
    """The position of the partition that an id lives in; the whole vector where there is no one partition."""
    numbered = sum(name.isdigit() for name in at)
    if not partition and numbered and _is_ledger_id(id):
        partition = partition_of(id, numbered)
    return positions.format_positions({partition: at.get(partition, 0)} if partition else at)


def _is_ledger_id(id: str) -> bool:
    return any(is_id(id, prefix) for prefix in KINDS)


def ledger_id(id: str, prefix: str, what: str) -> str:
    """The id where it has the form of one; else a 404 problem, as for any id that is not there."""
    if not is_id(id, prefix):
        raise problems.not_found(what, id)
    return id


def item_id(id: str, what: str) -> str:
    """A catalog item's id where it can be one; else a 404 problem."""
    if not _ITEM.fullmatch(id):
        raise problems.not_found(what, id)
    return id


async def asking(
    request: Request,
    _credentials: Annotated[Any, Security(_bearer)],
    x_tn: Annotated[
        str | None,
        Header(
            description="The tenant; optional beside a key, which names its own.", json_schema_extra={"pattern": TENANT_PATTERN}
        ),
    ] = None,
    ledger_min_position: Annotated[
        str | None,
        Header(
            description="Answer at these positions or later.",
            examples=["7@48122, catalog@9"],
            json_schema_extra={"pattern": positions.POSITIONS_PATTERN},
        ),
    ] = None,
    prefer: Annotated[
        str | None, Header(description="How long to wait for them, in seconds, 10 at most.", examples=["wait=2"])
    ] = None,
    if_none_match: Annotated[str | None, Header(description="304 where the resource still has this ETag.")] = None,
) -> Asking:
    """What every route under /v1 begins with."""
    asked: Asked = request.app.state.asked
    return await asked.begin(
        request.headers.get("authorization"),
        x_tn=x_tn,
        min_position=ledger_min_position,
        prefer=prefer,
        if_none_match=if_none_match,
    )


Ask = Annotated[Asking, Depends(asking)]
