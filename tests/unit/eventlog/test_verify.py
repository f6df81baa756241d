"""The auditor finds every kind of tampering and names the record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from infra.eventlog.record import Record
from infra.eventlog.verify import Report, verify
from tests.unit.eventlog.chain import Chain, rehashed


def history() -> Chain:
    """Offsets: 0 claim, 1 sub_1/1, 2–3 sub_1/2 with inv_1/1, 4 a claim, 5 what the former owner wrote, 6 sub_1/3, 7 sub_1/4."""
    chain = Chain()
    chain.claim(1)
    chain.command(("sub_1", 1), catalog_sequence=1)
    chain.command(("sub_1", 2), ("inv_1", 1), catalog_sequence=2)
    former = chain.state
    chain.claim(2)
    chain.zombie(former, ("sub_1", 3))
    chain.command(("sub_1", 3), catalog_sequence=2)
    chain.command(("sub_1", 4), catalog_sequence=3)
    return chain


def judged(records: list[Record]) -> Report:
    return verify(records, lambda _type, _value: None, lambda _count: None)


def test_a_sound_history_with_a_takeover_has_no_findings() -> None:
    report = judged(history().records)

    assert report.ok
    partition = report.partitions["0"]
    assert (partition.records, partition.events, partition.claims, partition.quarantined) == (8, 5, 2, 1)
    assert (partition.state.sequence, partition.state.term) == (5, 2)


def flip(records: list[Record]) -> None:
    records[2] = replace(records[2], value=b'{"n":8}')


def flip_header(records: list[Record]) -> None:
    records[2] = replace(records[2], attributes={**records[2].attributes, "actor": "nobody"})


def flip_term_of_the_last(records: list[Record]) -> None:
    records[7] = replace(records[7], attributes={**records[7].attributes, "term": "1"})


def flip_key(records: list[Record]) -> None:
    records[2] = replace(records[2], key="acme/other")


def flip_claim(records: list[Record]) -> None:
    records[4] = replace(records[4], value=b"{}")


def add_header(records: list[Record]) -> None:
    records[2] = replace(records[2], attributes={**records[2].attributes, "extra": "1"})


def drop(records: list[Record]) -> None:
    del records[1]


def drop_claim(records: list[Record]) -> None:
    del records[4]


def reorder(records: list[Record]) -> None:
    records[1], records[2] = replace(records[2], offset=1), replace(records[1], offset=2)


def insert_copy(records: list[Record]) -> None:
    records.insert(4, replace(records[3], offset=3))


def insert_foreign(records: list[Record]) -> None:
    records.append(Record("0", "x", {}, b"", "", "", 8))


def insert_forged(records: list[Record]) -> None:
    records.insert(7, rehashed(replace(records[6], previous_hash=records[6].hash), sequence="5", id="sub_1/9"))


def cut_out_the_middle(records: list[Record]) -> None:
    del records[2:4]


def cut_off_within_a_command(records: list[Record]) -> None:
    del records[3:]


def hash_anew(records: list[Record]) -> None:
    records[2] = rehashed(records[2], reason="changed afterwards")


def flip_what_does_not_count(records: list[Record]) -> None:
    records[5] = replace(records[5], value=b"{}")


@pytest.mark.parametrize(
    ("tamper", "offset", "reason"),
    [
        (flip, 2, "the hash does not match"),
        (flip_header, 2, "the hash does not match"),
        (flip_term_of_the_last, 7, "its hash does not match its content"),
        (flip_key, 2, "partitionkey"),
        (flip_claim, 4, "the claim's hash does not match"),
        (add_header, 2, "attributes that the hash does not cover"),
        (drop, 2, "sequence 2 after 0"),
        (drop_claim, 6, "term 2 was never claimed"),
        (reorder, 1, "sequence 2 after 0"),
        (insert_copy, 3, "offset 3 after 3"),
        (insert_foreign, 8, "foreign"),
        (insert_forged, 6, "offset 6 after 6"),
        (cut_out_the_middle, 6, "sequence 4 after 1"),
        (cut_off_within_a_command, 2, "not complete"),
        (hash_anew, 3, "previoushash"),
        (flip_what_does_not_count, 5, "its hash does not match its content"),
    ],
)
def test_tampering_is_found_and_the_first_bad_record_named(
    tamper: Callable[[list[Record]], None], offset: int, reason: str
) -> None:
    records = history().records
    tamper(records)

    report = judged(records)

    assert not report.ok
    assert (report.findings[0].partition, report.findings[0].offset) == ("0", offset)
    assert reason in report.findings[0].reason


def test_a_forged_record_at_the_end_with_a_fitting_hash_is_found_by_its_version() -> None:
    chain = history()
    chain.command(("sub_1", 7))

    assert "version 7 of sub_1 after 4" in judged(chain.records).findings[0].reason


def test_a_time_or_a_catalog_position_that_falls_is_found() -> None:
    chain = history()
    chain.state = replace(chain.state, time="", catalog_sequence=0)
    chain.now = chain.now.replace(year=2020)
    chain.command(("sub_1", 5), catalog_sequence=1)

    first, second = judged(chain.records).findings
    assert first.reason.startswith("time 2020")
    assert second.reason == "catalogsequence 1 after 3"


def test_an_event_that_does_not_decode_is_found() -> None:
    def decode(_type: str, value: bytes) -> None:
        if value == b'{"n":4}':
            raise ValueError("no such event")

    report = verify(history().records, decode, lambda _count: None)

    assert [(finding.id, finding.reason) for finding in report.findings] == [("sub_1/4", "it does not decode: no such event")]


def test_the_other_partitions_are_judged_although_one_is_broken() -> None:
    records = history().records
    drop(records)
    other = Chain("1")
    other.claim(1)
    other.command(("sub_2", 1))

    report = judged(records + other.records)

    assert [finding.partition for finding in report.findings] == ["0"]
    assert report.partitions["1"].events == 1
