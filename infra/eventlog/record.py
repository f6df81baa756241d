"""The record: one event, or one claim, as both logs store it (design: CloudEvents binary mode).

Attribute names follow CloudEvents; on the wire each is a header ``ce_<name>``. All values are text. The value is plain JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

CATALOG = "catalog"
CLAIM_TYPE = "ledger.partition_claimed.v1"
GENESIS = "0" * 64
SPEC_VERSION = "1.0"

# The order in which attributes enter the hash; an absent attribute takes no part. Never reorder: old hashes depend on it.
ATTRIBUTES = (
    "id", "source", "type", "subject", "time", "dataschema", "partitionkey", "sequence", "streamversion", "term", "tenant",
    "storefront", "actor", "reason", "commandid", "commandindex", "commandcount", "fingerprint", "catalogsequence", "traceparent",
)  # fmt: skip


class Event(NamedTuple):
    """What a shard decided, not yet numbered. ``value`` is the event's JSON."""

    stream: str
    version: int
    type: str
    value: bytes


class Append(NamedTuple):
    """All events of one command: they commit together or not at all.

    ``partition`` is a number as text, or ``catalog``; ``key`` is ``tenant/customer`` (``tenant`` in the catalog) and the scope of
    ``command_id``; ``data_keys`` are wrapped data keys by key, made durable in the same window.
    """

    partition: str
    key: str
    tenant: str
    command_id: str
    events: tuple[Event, ...]
    fingerprint: str = ""
    storefront: str = ""
    actor: str = ""
    reason: str = ""
    catalog_sequence: int = 0
    traceparent: str = ""
    data_keys: Mapping[str, bytes] = {}


@dataclass(frozen=True, slots=True)
class Record:
    """One stored record. ``attributes`` holds every CloudEvents attribute but ``specversion``; ``offset`` is -1 until stored."""

    partition: str
    key: str
    attributes: Mapping[str, str]
    value: bytes
    previous_hash: str
    hash: str
    offset: int = -1

    @property
    def is_claim(self) -> bool:
        return self.attributes["type"] == CLAIM_TYPE

    @property
    def sequence(self) -> int:
        return int(self.attributes["sequence"])

    @property
    def term(self) -> int:
        return int(self.attributes["term"])


def content_hash(previous_hash: str, attributes: Mapping[str, str], value: bytes) -> str:
    """SHA-256, as hex, over the previous hash, the attributes in their fixed order, each with its length in bytes, the value."""
    text = "".join(
        [
            f"\n{name}:{len(found) if found.isascii() else len(found.encode())}:{found}"
            for name in ATTRIBUTES
            if (found := attributes.get(name)) is not None
        ]
    )
    return sha256(b"%b%b\n\n%b" % (previous_hash.encode(), text.encode(), value)).hexdigest()
