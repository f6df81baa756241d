"""Record ↔ message: what goes in comes out, and nothing that is not ours is taken for ours."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from confluent_kafka import Message
from hypothesis import given
from hypothesis import strategies as st

from infra.eventlog.kafka_message import headers_of, record_of
from infra.eventlog.number import claim_record, number
from infra.eventlog.reader import ReaderState
from infra.eventlog.record import Append, Event, Record

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TEXT = st.text(st.characters(codec="utf-8"), max_size=20)


def message(key: bytes | None, value: bytes | None, headers: Sequence[tuple[str, str | bytes | None]]) -> Message:
    """As a consumer gives it: the headers' values are bytes."""
    found: list[tuple[str, str | bytes | None]] = [
        (name, data.encode() if isinstance(data, str) else data) for name, data in headers
    ]
    return Message(topic="t.ledger.events", partition=0, offset=7, key=key, value=value, headers=found)


def event(value: bytes = b"{}", actor: str = "", reason: str = "", fingerprint: str = "", traceparent: str = "") -> Record:
    made = Event("sub_1", 1, "subscription.started.v1", value)
    append = Append("0", "acme/cus_1", "acme", "client:1", (made,), fingerprint, "shop", actor, reason, 0, traceparent)
    return number([append], ReaderState(term=1), NOW, "sandbox")[0][0].records[0]


@given(value=st.binary(min_size=1), actor=TEXT, reason=TEXT, fingerprint=TEXT)
def test_an_event_comes_back_as_it_was(value: bytes, actor: str, reason: str, fingerprint: str) -> None:
    record = event(value, actor=actor, reason=reason, fingerprint=fingerprint)
    read = record_of(message(record.key.encode(), record.value, headers_of(record)), "0")
    assert read == Record("0", record.key, record.attributes, record.value, record.previous_hash, record.hash, offset=7)


def test_a_claim_has_no_previous_hash() -> None:
    claim = claim_record("0", 3, NOW, "sandbox", "127.0.0.1:8000", ["a.0", "a.1"])
    assert "ce_previoushash" not in dict(headers_of(claim))
    read = record_of(message(claim.key.encode(), claim.value, headers_of(claim)), "0")
    assert (read.attributes, read.previous_hash, read.hash) == (claim.attributes, "", claim.hash)


def test_the_headers_are_those_that_the_design_names() -> None:
    record = event(actor="key_1", reason="asked", fingerprint="f", traceparent="00-1-2-01")
    assert dict(headers_of(record)) == {
        "ce_specversion": "1.0",
        "content-type": "application/json",
        "ce_id": "sub_1/1",
        "ce_source": "subledger/sandbox",
        "ce_type": "subscription.started.v1",
        "ce_subject": "sub_1",
        "ce_time": "2026-01-01T00:00:00.000000Z",
        "ce_dataschema": "urn:subledger:event:subscription.started.v1",
        "ce_partitionkey": "acme/cus_1",
        "ce_sequence": "1",
        "ce_streamversion": "1",
        "ce_term": "1",
        "ce_tenant": "acme",
        "ce_storefront": "shop",
        "ce_actor": "key_1",
        "ce_reason": "asked",
        "ce_commandid": "client:1",
        "ce_commandindex": "1",
        "ce_commandcount": "1",
        "ce_fingerprint": "f",
        "ce_traceparent": "00-1-2-01",
        "ce_previoushash": record.previous_hash,
        "ce_hash": record.hash,
    }


@pytest.mark.parametrize(
    "missing", [name for name, _ in headers_of(event()) if name not in ("ce_tenant", "ce_storefront", "ce_previoushash")]
)
def test_a_message_without_a_needed_header_is_foreign(missing: str) -> None:
    headers = [header for header in headers_of(event()) if header[0] != missing]
    assert_foreign(message(b"acme/cus_1", b"{}", headers))


@pytest.mark.parametrize(
    "extra",
    [("ce_type", b"again"), ("ce_unknown", b"x"), ("ce_reason", b"\xff"), ("ce_reason", None)],
    ids=["doubled", "unknown", "not text", "null"],
)
def test_a_message_with_a_header_that_ours_never_have_is_foreign(extra: tuple[str, bytes | None]) -> None:
    assert_foreign(message(b"acme/cus_1", b"{}", [*headers_of(event()), extra]))


def test_a_transports_own_headers_are_not_ours_to_judge() -> None:
    record = event()
    read = record_of(message(b"acme/cus_1", b"{}", [*headers_of(record), ("x-mirror", b"\xff")]), "0")
    assert read.hash == record.hash


@given(key=st.none() | st.binary(), value=st.none() | st.binary(), headers=st.lists(st.tuples(TEXT, st.binary()), max_size=4))
def test_no_message_of_a_stranger_raises(key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]]) -> None:
    assert_foreign(message(key, value, headers))


def assert_foreign(strange: Message) -> None:
    read = record_of(strange, "0")
    assert (dict(read.attributes), read.hash, read.offset) == ({"type": "", "term": "0"}, "", 7)
