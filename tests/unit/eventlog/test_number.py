"""Numbering: appends in, records out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.eventlog.number import CatalogFell, claim_record, number, rfc3339
from infra.eventlog.reader import Command, Reader, ReaderState
from infra.eventlog.record import ATTRIBUTES, Append, Event
from tests.unit.eventlog.chain import NOW, append


def claimed() -> ReaderState:
    return ReaderState().with_claim(claim_record("0", 4, NOW, "sandbox", "node:1", ()))


def test_every_attribute_of_a_record() -> None:
    one = Append(
        "0", "acme/cus_1", "acme", "client:k", (Event("sub_1", 3, "subscription.cancelled.v1", b"{}"),),
        fingerprint="f", storefront="web", actor="key_1", reason="asked", catalog_sequence=9, traceparent="00-a-b-01",
    )  # fmt: skip

    [numbered], state = number([one], claimed(), NOW, "live")

    [record] = numbered.records
    assert dict(record.attributes) == {
        "id": "sub_1/3", "source": "subledger/live", "type": "subscription.cancelled.v1", "subject": "sub_1",
        "time": "2026-01-01T00:00:00.000000Z", "dataschema": "urn:subledger:event:subscription.cancelled.v1",
        "partitionkey": "acme/cus_1", "sequence": "1", "streamversion": "3", "term": "4", "tenant": "acme", "storefront": "web",
        "actor": "key_1", "reason": "asked", "commandid": "client:k", "commandindex": "1", "commandcount": "1",
        "fingerprint": "f", "catalogsequence": "9", "traceparent": "00-a-b-01",
    }  # fmt: skip
    assert set(record.attributes) == set(ATTRIBUTES)
    assert (state.sequence, state.chain, state.catalog_sequence) == (1, record.hash, 9)


def test_what_an_append_does_not_say_is_absent() -> None:
    [numbered], _ = number([append(("sub_1", 1))], claimed(), NOW, "sandbox")

    absent = {"storefront", "actor", "reason", "fingerprint", "catalogsequence", "traceparent"}
    assert set(ATTRIBUTES) - set(numbered.records[0].attributes) == absent


def test_the_recording_time_never_falls() -> None:
    [_], state = number([append(("sub_1", 1))], claimed(), NOW, "sandbox")
    [late], _ = number([append(("sub_1", 2))], state, NOW - timedelta(hours=1), "sandbox")

    assert late.records[0].attributes["time"] == rfc3339(NOW)


def test_the_catalog_that_was_seen_never_falls() -> None:
    [_], state = number([append(("sub_1", 1), catalog_sequence=5)], claimed(), NOW, "sandbox")

    with pytest.raises(CatalogFell):
        number([append(("sub_1", 2), catalog_sequence=4)], state, NOW, "sandbox")
    [_], kept = number([append(("sub_1", 2))], state, NOW, "sandbox")
    assert kept.catalog_sequence == 5


def test_times_are_utc_of_one_width_and_order_as_text() -> None:
    assert rfc3339(datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=1)))) == "2026-01-01T00:00:00.000000Z"
    assert rfc3339(datetime(999, 1, 1, tzinfo=UTC)) < rfc3339(datetime(2026, 1, 1, tzinfo=UTC))


@given(st.lists(st.lists(st.sampled_from(["sub_1", "inv_1"]), min_size=1, max_size=4), max_size=6))
def test_whatever_is_numbered_counts_for_a_reader(commands: list[list[str]]) -> None:
    claim = claim_record("0", 1, NOW, "sandbox", "node:1", ())
    appends = [append(*[(stream, 1) for stream in streams], command=f"c{n}") for n, streams in enumerate(commands)]
    start = ReaderState().with_claim(claim)

    numbered, state = number(appends, start, NOW, "sandbox")

    reader = Reader()
    reader.feed(claim)
    results = [result for each in numbered for record in each.records for result in reader.feed(record)]
    assert results == [Command(each.records) for each in numbered]
    assert reader.state == state
