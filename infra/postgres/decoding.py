"""Accepted records → events with their envelopes, personal data opened."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from domain.event import Event
from domain.registry import decode
from infra.eventlog.record import Record
from projections.change import Envelope

_SEALED_FIELD = "personal"


class Unseal(Protocol):
    """What opens sealed fields: the vault."""

    def open(self, stream: str, field: str, sealed: str, key: str) -> dict[str, str] | None:
        """The clear values under the data key of ``tenant/customer``, or None where that key is gone."""
        ...


def read(record: Record, vault: Unseal) -> tuple[Event, Envelope]:
    """The event of a record that counts. Raises ValueError where it does not decode, VaultError where it does not open."""
    attributes = record.attributes
    stream, version = attributes["subject"], int(attributes["streamversion"])
    event = decode(stream, version, attributes["type"], record.value)
    sealed = vars(event).get(_SEALED_FIELD)  # most events have none, and a model is slow to say so
    return event, Envelope(
        partition=record.partition,
        sequence=record.sequence,
        key=record.key,
        tenant=attributes["tenant"],
        stream=stream,
        version=version,
        type=attributes["type"],
        recorded_at=datetime.fromisoformat(attributes["time"]),
        attributes={**attributes, "previoushash": record.previous_hash, "hash": record.hash},
        value=record.value,
        personal=None if sealed is None else vault.open(stream, _SEALED_FIELD, sealed, record.key),
    )
