"""A request for a partition that another node owns goes on to that node, and its answer comes back as it is.

What goes on is the request itself: the owner authenticates and reads it anew, so that no node has to trust another. It goes on
once: `FORWARDED_BY` tells its owner, who answers ``partition-not-served`` where it is none. Its value is the ledger's mark: a
node whose address leads to another ledger by mistake (a copy that was restored elsewhere, say) has nothing done there.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from hmac import compare_digest
from typing import Protocol

from starlette.types import Scope

from commands import api_headers
from commands.ports import Unavailable
from domain.ids import keyed_hash

FORWARDED_BY = b"ledger-forwarded-by"
# Codes of the problems with which a node says that it is not, or no longer, the owner.
NOT_MINE = frozenset({"partition-not-served", "shutting-down"})

# What means something to a node: all else would only bring a request nearer to the limits of a head.
_GOES_ON = api_headers.NAMES - {b"idempotency-key"}

Headers = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, whole."""

    status: int
    headers: dict[str, str]
    body: bytes
    media_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it goes on: ``target`` is its path and query as they came; its answer is awaited for ``limit_s``."""

    method: str
    target: str
    headers: Headers
    body: bytes
    limit_s: float


class Peers(Protocol):
    """The other nodes of the ledger that has this ``mark``."""

    @property
    def mark(self) -> str: ...

    async def forward(self, partition: str, request: Request, here: Callable[[], Awaitable[Reply]]) -> Reply:
        """The owner's answer, whoever that becomes in the next seconds: where it is this node, that of ``here``. Raises
        Unavailable.
        """
        ...

    def stream(self, partition: str, request: Request, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The pieces of the owner's answer, while the request's body still goes on. Raises Unavailable, where it was not begun
        or broke off.
        """
        ...

    def owner(self, partition: str) -> str:
        """Who is thought to be the owner; empty: nobody, or this node."""
        ...

    def doubt(self) -> None:
        """Look up the owners again: who was thought to be one says that it is not."""
        ...


def node_key(secret: bytes) -> str:
    """The key with which the nodes of a deployment ask each other."""
    return f"node_{keyed_hash(secret, 'key of the nodes')}"


def ledger_mark(secret: bytes, log: str) -> str:
    """What no other ledger has: neither one with another secret, nor a copy on another physical ``log``."""
    return keyed_hash(secret, "mark of the ledger", log)


def headers_of(scope: Scope, key: str | None = None) -> Headers:
    """What goes on of a request's headers, in its trace and under its id. ``key`` is the command's idempotency key: where the
    client gave none it is ours, and has to be the same wherever the command is done.
    """
    headers = [(_text(name), _text(value)) for name, value in scope["headers"] if name in _GOES_ON]
    if key is not None:
        headers.append(("idempotency-key", _quoted(key)))
    state = scope["state"]
    return [*headers, ("request-id", state["request_id"]), ("traceparent", state["traceparent"])]


def target_of(scope: Scope) -> str:
    """A request's path and query, byte for byte."""
    query = scope["query_string"]
    return _text(scope["raw_path"] + (b"?" + query if query else b""))


def is_forwarded(scope: Scope, mark: str) -> bool:
    """Whether another node sent it on: then it goes no further. Raises Unavailable where that was none of this ledger, which has
    this ``mark``.
    """
    given = next((value for name, value in scope["headers"] if name == FORWARDED_BY), None)
    if given is not None and not compare_digest(given, mark.encode()):
        raise Unavailable("partition_not_served", "It was sent on by a node of another ledger.")
    return given is not None


def _quoted(key: str) -> str:
    """A key as a header: a structured-field string."""
    escaped = key.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _text(value: bytes) -> str:
    return value.decode(errors="replace")
