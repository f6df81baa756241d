"""The AsyncAPI document of the three topics: channels, keys, headers and messages."""

from __future__ import annotations

from typing import Any

from docs.event_schemas import schemas
from domain.registry import CATALOG_EVENTS, EVENTS, LEDGER_EVENTS
from infra.eventlog.kafka_message import CONTENT_TYPE
from infra.eventlog.record import ATTRIBUTES, CLAIM_TYPE, SPEC_VERSION
from infra.eventlog.topics import COMPACTED, KEPT, PARTITIONS, Names

Document = dict[str, Any]

_DECIMAL = {"type": "string", "pattern": "^[0-9]+$"}
_HASH = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_TEXT = {"type": "string"}
_KAFKA = "0.5.0"  # version of the Kafka bindings

# What each attribute holds; all are text. The names are the record's, each a header with ``ce_`` in front.
_ATTRIBUTES: dict[str, tuple[Document, str]] = {
    "id": (_TEXT, "`<stream>/<version>`; of a claim `claim/<partition>/<term>`."),
    "source": (_TEXT, "`subledger/<environment>`."),
    "type": (_TEXT, "The event's name with its version."),
    "subject": (_TEXT, "The stream; of a claim the partition."),
    "time": (_TEXT | {"format": "date-time"}, "Recording time, UTC with microseconds; never falls within a partition."),
    "dataschema": (_TEXT | {"format": "uri"}, "`$id` of the JSON Schema of the value."),
    "partitionkey": (_TEXT, "The message's key: `tenant/customer`, in the catalog `tenant`. The scope of `commandid`."),
    "sequence": (_DECIMAL, "The event's place in its partition: from 1, without gaps. A position is `<partition>@<sequence>`."),
    "streamversion": (_DECIMAL, "The event's place in its stream: from 1, without gaps."),
    "term": (_DECIMAL, "The term of the owner that wrote it; an event counts only under the latest claim's."),
    "tenant": (_TEXT, "The tenant."),
    "storefront": (_TEXT, "The storefront, where there is one."),
    "actor": (_TEXT, "Who asked: an API key's id, or a provider whose outcome it is."),
    "reason": (_TEXT, "Why, as the caller gave it."),
    "commandid": (_TEXT, "The command: `client:<keyed hash of its idempotency key>`, `timer:…`, `step:…` or `outcome:…`."),
    "commandindex": (_DECIMAL, "The event's place among its command's events: 1 to `commandcount`. They count all or none."),
    "commandcount": (_DECIMAL, "How many events the command has."),
    "fingerprint": (_TEXT, "Keyed hash of the request: the same idempotency key with another request is refused."),
    "catalogsequence": (_DECIMAL, "The catalog's position that the decision saw; never falls within a partition."),
    "traceparent": (_TEXT, "W3C trace context of the request."),
}
_OF_CLAIM = ("id", "source", "type", "subject", "time", "dataschema", "term")
_OF_EVENT = (*_OF_CLAIM, "partitionkey", "sequence", "streamversion", "commandid", "commandindex", "commandcount")


def _headers(names: tuple[str, ...], required: tuple[str, ...], more: dict[str, Document]) -> Document:
    fixed = {
        "ce_specversion": {"type": "string", "const": SPEC_VERSION},
        "content-type": {"type": "string", "const": CONTENT_TYPE},
    }
    attributes = {f"ce_{name}": _ATTRIBUTES[name][0] | {"description": _ATTRIBUTES[name][1]} for name in names}
    always = [*fixed, *(f"ce_{name}" for name in required), *more]
    return {"type": "object", "properties": fixed | attributes | more, "required": always}


def _header_schemas() -> dict[str, Document]:
    assert tuple(_ATTRIBUTES) == ATTRIBUTES, "every attribute of a record is described, in the record's order"
    previous = _HASH | {"description": "`ce_hash` of the record before it in the partition; 64 zeros in an empty one."}
    of_event = _HASH | {"description": "SHA-256 over the previous hash, the attributes in their order and the value."}
    of_claim = _HASH | {
        "description": "SHA-256 over 64 zeros, the claim's attributes and its value. It is folded into the chain."
    }
    return {
        "eventHeaders": _headers(ATTRIBUTES, _OF_EVENT, {"ce_previoushash": previous, "ce_hash": of_event}),
        "claimHeaders": _headers(_OF_CLAIM, _OF_CLAIM, {"ce_hash": of_claim}),
    }


def _message(name: str, headers: str, about: Document, key: str) -> Document:
    return {
        "name": name,
        "title": about["title"],
        "summary": about["description"].split("\n\n")[0],
        "contentType": CONTENT_TYPE,
        "headers": {"$ref": f"#/components/schemas/{headers}"},
        "payload": {"$ref": f"./{name}.schema.json"},
        "bindings": {"kafka": {"key": _TEXT | {"description": key}, "bindingVersion": _KAFKA}},
    }


def _messages() -> dict[str, Document]:
    made = schemas()
    ledger = {event.TOPIC for event in LEDGER_EVENTS}
    found = {
        name: _message(name, "eventHeaders", made[name], "`tenant/customer`" if name in ledger else "`tenant`") for name in EVENTS
    }
    found[CLAIM_TYPE] = _message(CLAIM_TYPE, "claimHeaders", made[CLAIM_TYPE], "The partition's name")
    found["data-key"] = {
        "name": "data-key",
        "title": "Wrapped data key",
        "summary": "A customer's data key, encrypted under the master key. No value: the key is destroyed.",
        "contentType": "application/octet-stream",
        "payload": {"type": "string", "format": "binary"},
        "bindings": {"kafka": {"key": _TEXT | {"description": "`tenant/customer`"}, "bindingVersion": _KAFKA}},
    }
    return found


def _channel(address: str, about: str, partitions: int, settings: dict[str, str], messages: list[str]) -> Document:
    topic = {name: int(settings[name]) for name in ("retention.ms", "retention.bytes") if name in settings}
    return {
        "address": address,
        "description": about,
        "parameters": {"environment": {"description": "The deployment's environment.", "default": "sandbox"}},
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
        "bindings": {
            "kafka": {
                "partitions": partitions,
                "topicConfiguration": {"cleanup.policy": [settings["cleanup.policy"]], **topic},
                "bindingVersion": _KAFKA,
            }
        },
    }


def _channels() -> dict[str, Document]:
    names = Names("{environment}")
    events = f"All that happened to customers. {PARTITIONS} partitions unless made otherwise, fixed for life."
    return {
        "events": _channel(names.events, events, PARTITIONS, KEPT, [CLAIM_TYPE, *(event.TOPIC for event in LEDGER_EVENTS)]),
        "catalog": _channel(
            names.catalog, "All that is sold, and by whom.", 1, KEPT, [CLAIM_TYPE, *(event.TOPIC for event in CATALOG_EVENTS)]
        ),
        "keys": _channel(
            names.keys, "Customers' data keys, outside the hash chain. Its first record is the number of partitions.",
            1, COMPACTED, ["data-key"],
        ),
    }  # fmt: skip


def document() -> Document:
    """The whole document. ``send``: what Subledger writes; others only read."""
    channels = _channels()
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Subledger's topics",
            "version": "1.0.0",
            "description": (
                "An event-sourced subscription ledger. Every record is a CloudEvent in Kafka's binary mode: attributes are "
                "headers with `ce_` in front, the value is plain JSON. Read with `isolation.level=read_committed` and apply the "
                "readers' rule: not every record in a partition counts."
            ),
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": CONTENT_TYPE,
        "channels": channels,
        "operations": {
            f"write-{name}": {
                "action": "send",
                "channel": {"$ref": f"#/channels/{name}"},
                "summary": f"The partition's owner appends to {name}.",
            }
            for name in channels
        },
        "components": {"schemas": _header_schemas(), "messages": _messages()},
    }
