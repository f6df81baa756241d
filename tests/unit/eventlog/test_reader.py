"""The readers' rule: records in, what counts out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.eventlog.reader import Claim, Command, LogBroken, Quarantine, Reader, ReaderState, Result
from infra.eventlog.record import GENESIS, Record
from tests.unit.eventlog.chain import Chain, rehashed


def read(records: Sequence[Record], state: ReaderState | None = None) -> tuple[list[Result], ReaderState]:
    reader = Reader(state)
    results = [result for record in records for result in reader.feed(record)]
    return results, reader.state


def counted(results: Sequence[Result]) -> list[str]:
    """The ids of all events that count, in order."""
    return [event.attributes["id"] for result in results if isinstance(result, Command) for event in result.records]


def quarantined(results: Sequence[Result]) -> list[tuple[int, str]]:
    return [(result.record.offset, result.kind) for result in results if isinstance(result, Quarantine)]


def test_a_claim_and_its_commands_count_each_command_as_one() -> None:
    chain = Chain()
    claim = chain.claim(1)
    first = chain.command(("sub_1", 1))
    second = chain.command(("sub_1", 2), ("inv_1", 1))

    results, state = read(chain.records)

    assert results == [Claim(claim), Command(first), Command(second)]
    assert state == chain.state
    assert (state.sequence, state.term, state.claim, state.chain) == (3, 1, claim.hash, second[-1].hash)


def test_a_claims_hash_is_folded_into_the_chain() -> None:
    chain = Chain()
    chain.claim(1)
    [event] = chain.command(("sub_1", 1))
    claim = chain.claim(2)

    _, state = read(chain.records)

    assert state.chain == sha256((event.hash + claim.hash).encode()).hexdigest()


def test_hashes_are_what_they_ever_were() -> None:
    """Golden: a log written by any release must verify in every later one."""
    chain = Chain()
    chain.claim(1)
    [event] = chain.command(("sub_1", 1))

    assert event.hash == "c6475835ca2523caf8c6f535ab121a36fc33a6e9292e3c5cf4041942706b36b9"


def test_the_state_survives_being_kept_as_text() -> None:
    chain = Chain()
    chain.claim(3)
    chain.command(("sub_1", 1), catalog_sequence=7)

    assert ReaderState.from_json(chain.state.to_json()) == chain.state
    assert chain.state.catalog_sequence == 7
    assert ReaderState().chain == GENESIS


def test_the_state_stands_before_a_command_until_its_last_event() -> None:
    chain = Chain()
    chain.claim(1)
    before = chain.state
    first, second = chain.command(("sub_1", 1), ("inv_1", 1))
    reader = Reader(before)

    assert reader.feed(first) == []
    assert reader.state == before
    assert reader.incomplete == (first,)
    assert reader.feed(second) == [Command((first, second))]
    assert reader.state == chain.state


def test_a_former_owners_records_are_quarantined_and_change_nothing() -> None:
    chain = Chain()
    chain.claim(1)
    chain.command(("sub_1", 1))
    former = chain.state
    chain.claim(2)
    [zombie] = chain.zombie(former, ("sub_1", 2))
    chain.command(("sub_1", 2))

    results, state = read(chain.records)

    assert quarantined(results) == [(zombie.offset, "older-term")]
    assert counted(results) == ["sub_1/1", "sub_1/2"]
    assert (state.sequence, state.chain) == (chain.state.sequence, chain.state.chain)


def test_a_claim_that_is_not_above_the_last_is_quarantined() -> None:
    chain = Chain()
    chain.claim(2)
    late, same = chain.claim_unheard(1), chain.claim_unheard(2)
    chain.command(("sub_1", 1))

    results, _ = read(chain.records)

    assert quarantined(results) == [(late.offset, "older-term"), (same.offset, "older-term")]
    assert counted(results) == ["sub_1/1"]


def test_a_claim_drops_a_command_begun_before_it() -> None:
    chain = Chain()
    chain.claim(1)
    before = chain.state
    first, _ = chain.command(("sub_1", 1), ("inv_1", 1))
    del chain.records[-1]  # its second event never came
    chain.state = before
    chain.claim(2)
    chain.command(("sub_9", 1))

    results, state = read(chain.records)

    assert quarantined(results) == [(first.offset, "incomplete")]
    assert counted(results) == ["sub_9/1"]
    assert state.sequence == 1


def test_a_duplicate_is_quarantined() -> None:
    chain = Chain()
    chain.claim(1)
    [event] = chain.command(("sub_1", 1))
    twice = chain.store(event)

    results, state = read(chain.records)

    assert quarantined(results) == [(twice.offset, "duplicate")]
    assert state.sequence == 1


@pytest.mark.parametrize("attributes", [{"type": "", "term": "0"}, {}, {"type": "x", "term": "no"}, {"type": "x", "term": "0"}])
def test_a_record_that_is_not_ours_is_quarantined(attributes: dict[str, str]) -> None:
    chain = Chain()
    chain.claim(1)
    foreign = chain.store(Record("0", "who", attributes, b"hello", "", ""))
    chain.command(("sub_1", 1))

    results, _ = read(chain.records)

    assert quarantined(results) == [(foreign.offset, "foreign")]
    assert counted(results) == ["sub_1/1"]


def test_a_passed_over_record_within_a_command_does_not_move_the_state() -> None:
    chain = Chain()
    chain.claim(1)
    former = chain.state
    chain.claim(2)
    before = chain.state
    first, second = chain.command(("sub_1", 1), ("inv_1", 1))
    [zombie] = chain.zombie(former, ("sub_1", 1))
    records = [replace(zombie, offset=second.offset), replace(second, offset=zombie.offset)]
    reader = Reader(before)

    assert reader.feed(first) == []
    assert [type(result) for result in reader.feed(records[0])] == [Quarantine]
    assert reader.state == before
    assert [type(result) for result in reader.feed(records[1])] == [Command]


def broken_chain() -> Chain:
    chain = Chain()
    chain.claim(1)
    for version in (1, 2, 3):
        chain.command(("sub_1", version))
    return chain


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({"sequence": "3"}, "sequence 3 after 1"),
        ({"sequence": "two"}, "not a number"),
        ({"term": "2"}, "never claimed"),
        ({"commandindex": "2", "commandcount": "2"}, "event 2 of 2"),
        ({"commandcount": "0"}, "event 1 of 0"),
        ({"partitionkey": "acme/other"}, "partitionkey"),
    ],
)
def test_a_contradiction_under_the_current_term_stops_the_reader(attributes: dict[str, str], reason: str) -> None:
    chain = broken_chain()
    chain.records[2] = rehashed(chain.records[2], **attributes)

    with pytest.raises(LogBroken, match=reason):
        read(chain.records)


def test_a_wrong_hash_stops_the_reader() -> None:
    chain = broken_chain()
    chain.records[2] = replace(chain.records[2], value=b'{"n":99}')

    with pytest.raises(LogBroken, match="does not match the content"):
        read(chain.records)


def test_a_record_hashed_anew_breaks_the_next() -> None:
    chain = broken_chain()
    chain.records[2] = rehashed(chain.records[2], reason="changed afterwards")

    with pytest.raises(LogBroken, match="previoushash") as caught:
        read(chain.records)
    assert caught.value.record == chain.records[3]


def test_a_claim_of_another_partition_or_with_a_wrong_hash_stops_the_reader() -> None:
    other = Chain("7").claim(1)
    with pytest.raises(LogBroken, match="a claim of partition '7'"):
        read([replace(other, partition="0")])
    own = Chain().claim(1)
    with pytest.raises(LogBroken, match="does not match"):
        read([replace(own, value=b"{}")])


def test_events_of_two_commands_do_not_mix() -> None:
    chain = Chain()
    chain.claim(1)
    chain.command(("sub_1", 1), ("inv_1", 1))
    chain.records[2] = rehashed(chain.records[2], commandid="client:another")

    with pytest.raises(LogBroken, match="commandid differs"):
        read(chain.records)


@given(st.lists(st.integers(1, 3), max_size=12), st.data())
def test_reading_on_from_any_kept_state_gives_what_reading_at_once_gives(sizes: list[int], data: st.DataObject) -> None:
    chain = Chain()
    chain.claim(1)
    former = chain.state
    chain.claim(2)
    for number, size in enumerate(sizes):
        chain.command(*[(f"sub_{number}", version) for version in range(1, size + 1)])
        if size == 2:
            chain.zombie(former, ("sub_z", 1))
    cut = data.draw(st.integers(0, len(chain.records)))

    at_once, final = read(chain.records)
    _, kept = read(chain.records[:cut])
    again, resumed = read(chain.records[kept.offset :], ReaderState.from_json(kept.to_json()))

    assert resumed == final
    assert counted(again) == counted(at_once)[kept.sequence :]
