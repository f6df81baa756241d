"""Record ↔ Kafka message: CloudEvents in binary mode, so that any consumer can read the headers.

Every attribute is a header ``ce_<name>``; beside them ``ce_specversion``, ``ce_previoushash`` (not in a claim), ``ce_hash`` and
``content-type``. A message that is not of this shape becomes a *foreign* record (type "", term "0"), which the readers' rule
quarantines: a stranger's message must not stop a reader.
"""

from __future__ import annotations

from confluent_kafka import Message

from infra.eventlog.record import ATTRIBUTES, CLAIM_TYPE, SPEC_VERSION, Record

CONTENT_TYPE = "application/json"

Header = tuple[str, str]

_PREFIX = "ce_"
_HEADERS = tuple((name, _PREFIX + name) for name in ATTRIBUTES)
_FIXED: list[Header] = [(_PREFIX + "specversion", SPEC_VERSION), ("content-type", CONTENT_TYPE)]
_PREVIOUS_HASH = _PREFIX + "previoushash"
_HASH = _PREFIX + "hash"
_NAMES = {_PREFIX + name: name for name in (*ATTRIBUTES, "specversion", "previoushash", "hash")} | {
    "content-type": "content-type"
}
_OF_CLAIM = frozenset({"id", "source", "type", "subject", "time", "dataschema", "term"})
_OF_EVENT = _OF_CLAIM | {"partitionkey", "sequence", "streamversion", "commandid", "commandindex", "commandcount"}


def headers_of(record: Record) -> list[Header]:
    """All headers of a record, in the order in which attributes enter its hash."""
    attributes = record.attributes
    found = _FIXED + [(header, attributes[name]) for name, header in _HEADERS if name in attributes]
    if record.previous_hash:
        found.append((_PREVIOUS_HASH, record.previous_hash))
    found.append((_HASH, record.hash))
    return found


def record_of(message: Message, partition: str) -> Record:
    """The record in a message that carries no error; a foreign one where the message is not ours."""
    offset = message.offset()
    assert offset is not None, "a consumed message has an offset"
    value = message.value() or b""
    try:
        key = (message.key() or b"").decode()
        attributes, previous_hash, hash_ = _attributes(message)
    except ValueError:
        return Record(partition, "", {"type": "", "term": "0"}, value, "", "", offset)
    return Record(partition, key, attributes, value, previous_hash, hash_, offset)


def _attributes(message: Message) -> tuple[dict[str, str], str, str]:
    """Attributes, previous hash ("" for a claim) and hash. Raises ValueError where the message has not exactly what ours have.

    Headers without ``ce_`` in front are the transport's and none of our business.
    """
    headers = message.headers() or []
    assert isinstance(headers, list), "a consumed message lists its headers"
    found: dict[str, str] = {}
    for header, data in headers:
        name = _NAMES.get(header)
        if name is not None and name not in found and isinstance(data, bytes):
            found[name] = data.decode()
        elif name is not None or header.startswith(_PREFIX):
            raise ValueError(f"header {header}")
    if found.pop("specversion", "") != SPEC_VERSION or found.pop("content-type", "") != CONTENT_TYPE:
        raise ValueError("not a CloudEvent in JSON")
    previous_hash, hash_ = found.pop("previoushash", ""), found.pop("hash", "")
    required = _OF_CLAIM if found.get("type") == CLAIM_TYPE else _OF_EVENT
    if not hash_ or not required <= found.keys():
        raise ValueError("attributes are missing")
    return found, previous_hash, hash_
