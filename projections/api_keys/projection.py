"""API key events → one row a key."""

from __future__ import annotations

from collections.abc import Sequence

from domain.catalog import events
from projections import ignored
from projections.change import Change, Envelope, Insert, Projection, Table, Update

API_KEYS = Projection(
    "api_keys",
    tables=(Table("api_keys", ("tenant", "id"), frozenset({"created", "revoked_at"})),),
    ignores=ignored.CATALOG | ignored.CUSTOMER | ignored.SUBSCRIPTION | ignored.INVOICE | ignored.PAYMENT | ignored.USAGE,
)


@API_KEYS.on(events.ApiKeyIssued)
def _issued(event: events.ApiKeyIssued, envelope: Envelope) -> Sequence[Change]:
    row = {
        "tenant": envelope.tenant,
        "id": event.api_key,
        "name": event.name,
        "permissions": list(event.permissions),
        "secret_hash": event.secret_hash,
        "revoked_at": None,
        "created": event.timestamp,
        "version": envelope.version,
    }
    return (Insert("api_keys", row),)


@API_KEYS.on(events.ApiKeyRevoked)
def _revoked(event: events.ApiKeyRevoked, envelope: Envelope) -> Sequence[Change]:
    key = {"tenant": envelope.tenant, "id": envelope.stream.split("/", 2)[2]}
    return (Update("api_keys", key, {"revoked_at": event.revoked_at, "version": envelope.version}),)
