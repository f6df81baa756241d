"""Issue and revoke API keys. A key's text is a keyed hash of its id: a retry of the same command gives the same key, and none
is stored.
"""

from __future__ import annotations

from hashlib import sha256

from pydantic import BaseModel, ConfigDict, Field

from commands.unit import Unit
from domain.catalog.aggregates import ApiKey, stream
from domain.catalog.events import Permission
from domain.ids import keyed_hash


class IssueApiKey(BaseModel):
    """``permissions``: ``["read"]`` makes a read-only key; ``backdate`` allows dates in the past."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=200, examples=["backend"])
    permissions: tuple[Permission, ...] = Field(default=("read", "write"), min_length=1, max_length=3)


def key_text(secret: bytes, environment: str, tenant: str, id: str) -> str:
    """The key as its holder sends it; its clear prefix names environment and tenant."""
    return f"sl_{environment}_{tenant}_{keyed_hash(secret, 'api-key', tenant, id)[:40]}"


def key_hash(text: str) -> str:
    """What is stored of a key: the SHA-256 of its text, as hex."""
    return sha256(text.encode()).hexdigest()


def issue_api_key(unit: Unit, request: IssueApiKey, environment: str) -> ApiKey:
    """The key's record; its text is `key_text` of its id."""
    unit.catalog.tenant(unit.tenant)
    id = f"key_{keyed_hash(unit.secret, unit.tenant, unit.command_id, 'key')[:20]}"
    key = ApiKey.issue(
        unit.tenant,
        id,
        name=request.name,
        permissions=tuple(dict.fromkeys(request.permissions)),
        secret_hash=key_hash(key_text(unit.secret, environment, unit.tenant, id)),
        now=unit.now,
    )
    unit.add(key)
    return key


def revoke_api_key(unit: Unit, id: str) -> ApiKey:
    """The revoked key; raises NotFound, or WrongState where it is revoked already."""
    key = unit.get(ApiKey, stream(unit.tenant, "api-key", id))
    key.revoke(unit.now)
    return key
