"""Numbering: what a shard decided becomes the records of a partition. Pure; the only place that makes sequences and hashes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import orjson

from infra.eventlog.reader import ReaderState
from infra.eventlog.record import CLAIM_TYPE, GENESIS, Append, Event, Record, content_hash

# What a record may have at most: under Kafka's default message.max.bytes (1,048,588), with room for the batch around it.
MAX_RECORD_BYTES = 1_000_000
ATTRIBUTES_BYTES = 2_000  # the names of all attributes on the wire, and the numbers, times and hashes among their values


@dataclass(frozen=True, slots=True)
class Numbered:
    """One append as records, not stored yet."""

    append: Append
    records: tuple[Record, ...]


class CatalogFell(ValueError):
    """An append rests on an older catalog than an append before it."""


def rfc3339(instant: datetime) -> str:
    """UTC with microseconds and ``Z``, of fixed width, so that text order is time order."""
    return instant.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def source(environment: str) -> str:
    return f"subledger/{environment}"


def data_schema(event_type: str) -> str:
    return f"urn:subledger:event:{event_type}"


def number(appends: Sequence[Append], state: ReaderState, now: datetime, environment: str) -> tuple[list[Numbered], ReaderState]:
    """Number one partition's appends after ``state``; the new state's offset is still the old one.

    The recording time never falls: it is ``now``, or the last event's time where that is later. Raises CatalogFell.
    """
    assert state.term > 0, "a partition is written only under a claim"
    time = max(rfc3339(now), state.time)
    numbered = []
    for append in appends:
        assert append.events, "an append has events; a proof is not an append"
        if 0 < append.catalog_sequence < state.catalog_sequence:
            raise CatalogFell(f"{append.command_id} saw catalog@{append.catalog_sequence}, before it @{state.catalog_sequence}")
        records = []
        common = _common(append, state.term, time, environment)
        for position, event in enumerate(append.events, 1):
            record = _record(append, event, {**common, "commandindex": str(position)}, state)
            state = state.with_event(record)
            records.append(record)
        numbered.append(Numbered(append, tuple(records)))
    return numbered, state


def _common(append: Append, term: int, time: str, environment: str) -> dict[str, str]:
    """The attributes that all events of an append share; an empty optional one is absent."""
    common = {
        "source": source(environment),
        "time": time,
        "partitionkey": append.key,
        "term": str(term),
        "commandid": append.command_id,
        "commandcount": str(len(append.events)),
    }
    optional = {
        "tenant": append.tenant,
        "storefront": append.storefront,
        "actor": append.actor,
        "reason": append.reason,
        "fingerprint": append.fingerprint,
        "catalogsequence": str(append.catalog_sequence or ""),
        "traceparent": append.traceparent,
    }
    return common | {name: text for name, text in optional.items() if text}


def _record(append: Append, event: Event, attributes: dict[str, str], state: ReaderState) -> Record:
    attributes |= {
        "id": f"{event.stream}/{event.version}",
        "type": event.type,
        "subject": event.stream,
        "dataschema": data_schema(event.type),
        "sequence": str(state.sequence + 1),
        "streamversion": str(event.version),
    }
    chain = state.chain
    hash_ = content_hash(chain, attributes, event.value)
    return Record(append.partition, append.key, attributes, event.value, chain, hash_)


def claim_record(
    partition: str, term: int, now: datetime, environment: str, address: str, transactional_ids: Sequence[str]
) -> Record:
    """A claim, not stored yet. It has no sequence and no previous hash; readers fold its own hash into the chain."""
    attributes = {
        "id": f"claim/{partition}/{term}",
        "source": source(environment),
        "type": CLAIM_TYPE,
        "subject": partition,
        "time": rfc3339(now),
        "dataschema": data_schema(CLAIM_TYPE),
        "term": str(term),
    }
    value = orjson.dumps({"address": address, "transactional_ids": list(transactional_ids)})
    return Record(partition, partition, attributes, value, "", content_hash(GENESIS, attributes, value))


def stored(record: Record, offset: int) -> Record:
    """``record`` as it stands in the log."""
    return replace(record, offset=offset)
