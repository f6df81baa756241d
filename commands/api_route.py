"""One place for all that is known of a command over HTTP: its path, its body, what it asks of the ledger, how it answers.

The single routes and the lines of a batch are both made of it.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter

from commands.api_docs import operation
from commands.ports import Answer, Ledger
from commands.unit import Unit
from domain.errors import NotFound
from domain.event import Aggregate
from domain.ids import KINDS, is_id
from infra.http.auth import Principal, tenant_required
from infra.http.problems import Problem

B = TypeVar("B")
# Longer than a node waits for a commit, and a client may ask it to wait for a charge.
ANSWER_LIMIT_S = 30.0
_SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


class Nothing(BaseModel):
    """There is nothing to say beyond the path."""

    model_config = ConfigDict(extra="forbid")


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
class Sender:
    """Who sends a request, and what its headers say of everything in it."""

    caller: Principal
    reason: str
    wait_s: float
    traceparent: str


@dataclass(frozen=True, slots=True)
class Call(Generic[B]):
    """A command that was authenticated and parsed. ``name`` is its route's, ``id`` the path's, or empty; ``key`` the caller's
    idempotency key, or one made here; ``versions`` what If-Match asks for; ``dry_run``: only what it would do is asked.
    """

    name: str
    sender: Sender
    settings: ApiSettings
    id: str
    body: B
    key: str
    fingerprint: str
    versions: frozenset[int] | None
    reason: str
    dry_run: bool = False

    @property
    def tenant(self) -> str:
        return self.sender.caller.tenant


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command answers with. ``position`` empty: where its own events stand; ``extra`` are members of the body beside the
    resource's.
    """

    resource: Aggregate
    status: int = 200
    position: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Order:
    """What a call asks of the ledger.

    ``home`` is the customer, or a subscription or invoice of theirs; empty for the catalog; ``pointer`` is where the body names
    it, if it does. ``stream`` is the one that If-Match is about; empty where something is created. ``tenant`` is given where it
    is not the caller's own. ``once`` is what it is done once for, in the customer's scope, where the body says that instead of
    the key. ``outcome`` goes on after the commit, where the answer needs more than that; else it is the resource with the
    route's status.
    """

    handler: Callable[[Unit], Aggregate]
    home: str = ""
    pointer: str = ""
    stream: str = ""
    tenant: str = ""
    once: str = ""
    outcome: Callable[[Ledger, Answer], Awaitable[Outcome]] | None = None


@dataclass(frozen=True, slots=True)
class CommandRoute(Generic[B]):
    """``order`` raises a Refusal or a Problem. ``keyed``, ``must_match``: an Idempotency-Key, an If-Match is required; ``admin``:
    only the bootstrap admin may; ``makes_tenant``: there is no tenant yet to act in; ``limit_s``: how long another node's answer
    is awaited.
    """

    path: str
    name: str
    tag: str
    description: str
    body: TypeAdapter[B]
    order: Callable[[Call[B]], Order]
    status: int
    keyed: bool
    must_match: bool
    admin: bool
    makes_tenant: bool
    limit_s: float
    document: Callable[[], dict[str, Any]]

    def permit(self, caller: Principal) -> None:
        """Raises a Problem, 403 or 400, where this caller may not send it."""
        if self.admin and not caller.is_admin:
            raise Problem(403, "permission-missing", "Not allowed", "Only the admin key may do this.")
        if not caller.tenant and not self.makes_tenant:
            raise tenant_required()


def named(id: str, prefix: str, pointer: str = "") -> str:
    """The id that a request gives, with this prefix; raises NotFound, with the pointer where the body names it."""
    if not is_id(id, prefix):
        raise NotFound(KINDS[prefix], id, pointer)
    return id


def on(prefix: str, call: Call[Any], handler: Callable[[Unit, str], Aggregate]) -> Order:
    """A command on what the path names, by an id with this prefix."""
    id = named(call.id, prefix)
    return Order(lambda unit: handler(unit, id), home=id, stream=id)


def command(
    path: str,
    summary: str,
    *,
    tag: str,
    body: TypeAdapter[B],
    example: Any,
    returns: type[BaseModel],
    status: int = 200,
    keyed: bool = False,
    admin: bool = False,
    makes_tenant: bool = False,
    conditional: bool = False,
    must_match: bool = False,
    pending: bool = False,
    of: str = "",
    problems: tuple[int, ...] = (),
    limit_s: float = ANSWER_LIMIT_S,
) -> Callable[[Callable[[Call[B]], Order]], CommandRoute[B]]:
    """Make a function, call → order, the route of a command; its name and docstring are the interface document's.

    ``conditional``: If-Match is understood; ``must_match``: and required; ``pending``: 202 is an answer as well; ``of`` says what
    the id in the path is.
    """
    document = partial(
        operation, summary, body=body, example=example, returns=returns, status=status, keyed=keyed,
        conditional=conditional or must_match, must_match=must_match,
        pending=pending, of=of, problems=problems,
    )  # fmt: skip

    def route(order: Callable[[Call[B]], Order]) -> CommandRoute[B]:
        name, description = order.__name__.rstrip("_"), inspect.cleandoc(order.__doc__ or "")
        return CommandRoute(
            path, name, tag, description, body, order, status, keyed, must_match, admin, makes_tenant, limit_s, document
        )

    return route


def item_id(id: str, kind: str) -> str:
    """A catalog item's id in the path; raises NotFound for what can be none."""
    if _SLUG.fullmatch(id) is None:
        raise NotFound(kind, id)
    return id
