"""Every event → one row, as it was recorded: its record's attributes and value, neither parsed nor changed."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from domain.event import Event
from domain.registry import EVENTS
from projections.change import Change, Envelope, Insert, Projection, Table

# Sealed texts differ each time that they are sealed, and business times are wall times where no test clock rules. What these
# columns hold is proven by the record's hash, which is among them.
_UNDIGESTED = frozenset({"recorded_at", "partition", "sequence", "attributes", "value"})

HISTORY = Projection("history", tables=(Table("history", ("tenant", "stream", "version"), _UNDIGESTED),))


def _remember(_: Event, envelope: Envelope) -> Sequence[Change]:
    row = {
        "tenant": envelope.tenant,
        "stream": envelope.stream,
        "version": envelope.version,
        "type": envelope.type,
        "customer": envelope.customer,
        "partition": envelope.partition,
        "sequence": envelope.sequence,
        "recorded_at": envelope.recorded_at,
        "attributes": orjson.dumps(envelope.attributes).decode(),
        "value": envelope.value.decode(),
    }
    return (Insert("history", row),)


for _event in EVENTS.values():
    HISTORY.on(_event)(_remember)
