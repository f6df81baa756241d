"""Who is calling: ``Authorization: Bearer sl_<environment>_<tenant>_<secret>``, or the bootstrap admin key with ``x-tn``.

A key's clear prefix names its tenant; what is stored and looked up is the SHA-256 of the whole key. Secrets are compared in
constant time. How a key is found by its hash is given: the query app has a read model, the command app its catalog.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from commands.catalog.api_keys import key_hash
from infra.http.problems import Problem

_KEY = re.compile(r"sl_(?P<environment>[a-z0-9-]{1,32})_(?P<tenant>[A-Za-z0-9_-]{1,64})_(?P<secret>[A-Za-z0-9]{32,128})")
TENANT_PATTERN = "^[A-Za-z0-9_-]{1,64}$"
_TENANT = re.compile(TENANT_PATTERN)
ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class StoredKey:
    """What is known of a key: its hash, what it may do, whether it was revoked."""

    id: str
    secret_hash: str
    permissions: frozenset[str]
    revoked: bool


FindKey = Callable[[str, str], Awaitable[StoredKey | None]]  # (tenant, hash)


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller, acting in one tenant. ``actor`` is what events record."""

    tenant: str
    actor: str
    permissions: frozenset[str]
    is_admin: bool = False

    def require(self, permission: str) -> None:
        """Raises a 403 problem where the key lacks the permission; the admin lacks none."""
        if not self.is_admin and permission not in self.permissions:
            raise Problem(403, "permission-missing", "Not allowed", f"The key lacks the permission {permission!r}.")


def bearer_token(authorization: str | None) -> str:
    """The token of an ``Authorization`` header; raises a 401 problem."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise unauthenticated("Send Authorization: Bearer and an API key.")
    return token.strip()


class Authenticator:
    """Authenticates requests for one environment. ``admin_key`` None: there is no admin."""

    def __init__(self, environment: str, admin_key: str | None, find_key: FindKey) -> None:
        self._environment = environment
        self._admin_hash = key_hash(admin_key) if admin_key else None
        self._find_key = find_key

    async def authenticate(self, authorization: str | None, tenant_header: str | None) -> Principal:
        """The caller; raises a Problem: 401 without a valid key, 403 where ``x-tn`` is another tenant, 400 where it is none."""
        token = bearer_token(authorization)
        hashed = key_hash(token)
        if self._admin_hash is not None and hmac.compare_digest(hashed, self._admin_hash):
            return Principal(_admin_tenant(tenant_header), ADMIN, frozenset(), is_admin=True)
        match = _KEY.fullmatch(token)
        if match is None or match["environment"] != self._environment:
            raise unauthenticated("The key is not one of this environment.")
        found = await self._find_key(match["tenant"], hashed)
        if found is None or found.revoked or not hmac.compare_digest(found.secret_hash, hashed):
            raise unauthenticated("The key is not valid.")
        if tenant_header is not None and tenant_header != match["tenant"]:
            raise Problem(403, "tenant-mismatch", "Another tenant", "x-tn names another tenant than the key's.")
        return Principal(match["tenant"], found.id, found.permissions)


def _admin_tenant(header: str | None) -> str:
    """The tenant that the admin acts in; empty where none is named, for what concerns no tenant."""
    if header is not None and not _TENANT.fullmatch(header):
        raise Problem(400, "tenant-invalid", "No such tenant", "x-tn is not the name of a tenant.")
    return header or ""


def unauthenticated(detail: str) -> Problem:
    return Problem(401, "unauthenticated", "No or no valid credentials", detail, headers={"WWW-Authenticate": "Bearer"})


def tenant_required() -> Problem:
    """For the admin on a route that concerns a tenant."""
    return Problem(400, "tenant-required", "Name a tenant", "The admin key acts in the tenant that x-tn names.")
