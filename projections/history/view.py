"""How events are read: in a stream's history, each with what it changed and masked where it is sealed or secret; in the feed of
all streams, each as it was recorded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import orjson
from pydantic_core import to_jsonable_python

from domain.event import Aggregate
from domain.registry import decode

Row = Mapping[str, Any]

COLUMNS = "stream, version, type, partition, sequence, attributes, value"
MASKED_FIELDS = ("personal", "secret_hash")
MASK = "masked"
# Bookkeeping of every aggregate, told by the event itself.
_BOOKKEEPING = frozenset({"_id", "_version", "_created_on", "_modified_on", "_pending_events"})


def bodies(rows: Iterable[Row]) -> Iterator[dict[str, Any]]:
    """A stream's rows from its first on, in order → its events with the fields of the state before and after that differ.

    The state is the aggregate's own fold, so a change that the event implies (a state) shows as well as one that it names.
    """
    aggregate: Aggregate | None = None
    before: dict[str, Any] = {}
    for row in rows:
        attributes, payload = orjson.loads(row["attributes"]), _masked(orjson.loads(row["value"]))
        aggregate = decode(row["stream"], row["version"], row["type"], orjson.dumps(payload)).mutate(aggregate)
        after = _state(aggregate)
        yield {
            "id": attributes["id"],
            "type": row["type"],
            "version": row["version"],
            "actor": attributes.get("actor"),
            "reason": attributes.get("reason"),
            "at": payload.pop("timestamp"),
            "recorded_at": attributes["time"],
            "position": f"{row['partition']}@{row['sequence']}",
            "hash": attributes["hash"],
            "data": payload,
            "changes": {name: _differing(before.get(name), after[name]) for name in after if before.get(name) != after[name]},
        }
        before = after


def cloud_event(row: Row) -> str:
    """A row of the feed as a CloudEvent, in JSON: its record's attributes and, as the last member, its value to the byte.

    ``position`` says where it stands; ``previoussequence`` is the row's ``previous``: the sequence, in the same partition, of the
    event that the same reader is shown before this one, 0 for the first.
    """
    return (
        f'{{"specversion":"1.0",{row["attributes"][1:-1]},"datacontenttype":"application/json",'
        f'"position":"{row["partition"]}@{row["sequence"]}","previoussequence":"{row["previous"]}","data":{row["value"]}}}'
    )


def _masked(payload: dict[str, Any]) -> dict[str, Any]:
    return payload | {name: MASK for name in MASKED_FIELDS if payload.get(name) is not None}


def _state(aggregate: Aggregate | None) -> dict[str, Any]:
    assert aggregate is not None, "no event ends a stream"
    return {name: _parts(value) for name, value in vars(aggregate).items() if name not in _BOOKKEEPING}


def _parts(value: Any) -> Any:
    """A value of several parts by their names."""
    return {part.name: getattr(value, part.name) for part in fields(value)} if is_dataclass(value) else value


def _differing(before: Any, after: Any) -> dict[str, Any]:
    """The two values; where both have several parts, the parts that differ: what was billed by and by grows long."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
        before, after = ({name: found[name] for name in names if name in found} for found in (before, after))
    return {"before": to_jsonable_python(before), "after": to_jsonable_python(after)}
