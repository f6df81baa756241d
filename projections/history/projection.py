"""Every event → one row, as it was recorded. What is sealed or secret is masked: a history is read by many."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from domain.event import Event
from domain.registry import EVENTS
from projections.change import Change, Envelope, Insert, Projection, Table

# Business times are wall times where no test clock rules, so the digest leaves them to the read models that state them.
_UNDIGESTED = frozenset({"at", "recorded_at", "partition", "sequence", "hash"})
MASKED_FIELDS = ("personal", "secret_hash")
MASK = "masked"

HISTORY = Projection("history", tables=(Table("history", ("tenant", "stream", "version"), _UNDIGESTED),))


def _remember(event: Event, envelope: Envelope) -> Sequence[Change]:
    payload = orjson.loads(envelope.value)
    del payload["timestamp"]  # it is the column "at"
    for name in MASKED_FIELDS:
        if payload.get(name) is not None:
            payload[name] = MASK
    row = {
        "tenant": envelope.tenant,
        "stream": envelope.stream,
        "version": envelope.version,
        "type": envelope.type,
        "actor": envelope.actor or None,
        "reason": envelope.reason or None,
        "at": event.timestamp,
        "recorded_at": envelope.recorded_at,
        "partition": envelope.partition,
        "sequence": envelope.sequence,
        "hash": envelope.hash,
        "payload": payload,
    }
    return (Insert("history", row),)


for _event in EVENTS.values():
    HISTORY.on(_event)(_remember)
