"""Who may write: the broker's fence, and takeovers. What follows where the fence fails is in test_broken_fence.py."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from confluent_kafka import KafkaError, KafkaException

from infra.eventlog import kafka_membership
from infra.eventlog.kafka import KafkaLog
from infra.eventlog.kafka_lane import Lane
from infra.eventlog.kafka_message import headers_of
from infra.eventlog.log import LogUnavailable, NotOwner
from infra.eventlog.number import claim_record
from infra.eventlog.topics import Names
from tests.integration.kafka.support import (
    ALL,
    Node,
    append,
    claims,
    commands,
    judge,
    quarantined,
    read_to_end,
    until,
)

Start = Callable[[str], Node]


def test_two_nodes_share_the_partitions_and_each_writes_its_own(start: Start) -> None:
    # given a node that owns all
    first = start("127.0.0.1:8001")
    first.take_over()
    first.write(append("0", "a"), append("1", "b"), append("2", "c"), append("catalog", "d"))
    # when a second joins, then both own something, and nothing is owned twice
    second = start("127.0.0.1:8002")
    until(lambda: first.poll() | second.poll() == ALL and second.assigned)
    assert not first.assigned & second.assigned
    # and the first is refused what it gave up, before anything reaches the broker
    with pytest.raises(NotOwner) as refused:
        first.owner.commit([], {}, ALL)
    assert refused.value.partitions == second.assigned
    # and both write what is theirs
    second.take_over(second.assigned)
    first.write(*(append(partition, "after") for partition in first.assigned))
    second.write(*(append(partition, "after") for partition in second.assigned))
    read = read_to_end(first.log)
    assert all(commands(judge(read, partition)[1])[-1] == "after" for partition in ALL)


def test_a_member_that_was_put_out_is_refused_by_the_broker(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    # given an owner that does not poll in time, so that the group gives its partitions to another
    monkeypatch.setattr(kafka_membership, "POLL_LIMIT_MS", 1500)
    stalled = start("127.0.0.1:8001")
    stalled.take_over()
    stalled.write(append("0", "before"))
    monkeypatch.undo()
    successor = start("127.0.0.1:8002")
    successor.take_over()
    # when it writes, or only proves, with the old idea of what is its own, then the broker refuses it
    with pytest.raises(NotOwner):
        stalled.owner.commit([], {}, frozenset({"0"}))
    first = stalled.owner.poll(0.05)
    with pytest.raises(NotOwner):
        stalled.write(append("1", "lost"))
    # and it is told so when it polls
    until(lambda: first.lost or stalled.owner.poll(0.05).lost)
    successor.write(append("0", "after"), append("1", "after"))
    read = read_to_end(successor.log)
    assert commands(judge(read, "0")[1]) == ["before", "after"]
    assert commands(judge(read, "1")[1]) == ["after"]


def test_who_stood_still_for_too_long_comes_back_as_a_new_member(
    kafka_bootstrap: str, environment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a member that owns all
    monkeypatch.setattr(kafka_membership, "POLL_LIMIT_MS", 1000)
    names = Names(environment)
    membership = kafka_membership.Membership(kafka_bootstrap, names, names.owners, "node")

    def gains() -> bool:
        membership.poll(0.1)
        return membership.assigned() == ALL

    try:
        until(gains)
        consumer = membership._consumer
        # when it is not polled for longer than the client allows
        time.sleep(1.5)
        # then it owns nothing any more, and is given all again, as another member
        until(lambda: membership.poll(0.1).lost)
        until(gains)
        assert membership._consumer is not consumer
    finally:
        membership.close()


def test_owners_that_a_former_coordinator_does_not_tell_are_asked_for_anew(
    log: KafkaLog, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a client that keeps to a coordinator which is none any more
    start("127.0.0.1:8001").take_over()
    refused: Future[object] = Future()
    refused.set_exception(KafkaException(KafkaError(KafkaError.NOT_COORDINATOR)))
    asked = {Names(log.environment).owners: refused}
    monkeypatch.setattr(log, "_group_admin", SimpleNamespace(describe_consumer_groups=lambda *_, **__: asked))
    # when the owners are asked for, then they are not known; but they are the next time
    with pytest.raises(LogUnavailable):
        log.owners()
    assert log.owners() == {"127.0.0.1:8001": ALL}


def test_a_takeover_reads_every_acknowledged_window(start: Start) -> None:
    """The last stable offset may not show yet what was acknowledged; nothing below a delivered claim is undecided."""
    acknowledged: list[str] = []
    for turn in range(6):
        node = start(f"127.0.0.1:800{turn % 2}")
        node.take_over({"0"})
        assert commands(judge(read_to_end(node.log, ["0"]), "0")[1]) == acknowledged
        for window in range(3):
            node.write(append("0", f"{turn}-{window}"))
            acknowledged.append(f"{turn}-{window}")
        node.owner.close()


@pytest.mark.slow
def test_a_killed_owners_open_window_neither_counts_nor_blocks(kafka_bootstrap: str, environment: str, start: Start) -> None:
    # given an owner killed in the middle of a window
    arguments = [kafka_bootstrap, environment, "127.0.0.1:8001"]
    doomed = subprocess.Popen(
        [sys.executable, "-m", "tests.integration.kafka.doomed", *arguments], stdout=subprocess.PIPE, text=True
    )
    try:
        assert doomed.stdout is not None
        assert "open\n" in iter(doomed.stdout.readline, "")
    finally:
        doomed.kill()
        doomed.wait()
    # when another takes over, once the group has noticed
    successor = start("127.0.0.1:8002")
    until(lambda: successor.poll() == ALL, limit_s=60)
    began = time.monotonic()
    successor.take_over()
    took_s = time.monotonic() - began
    # then it need not wait for the broker to end the open transaction (10 s at least)
    assert took_s < 5
    # and what was acknowledged counts, what was open does not
    successor.write(append("0", "after"))
    read = read_to_end(successor.log)
    assert commands(judge(read, "0")[1]) == ["kept", "after"]
    assert commands(judge(read, "1")[1]) == ["kept"]
    assert commands(judge(read, "catalog")[1]) == ["kept"]


def test_a_killed_owners_open_claim_does_not_block(kafka_bootstrap: str, log: KafkaLog, start: Start) -> None:
    # given an owner that died in the middle of its claim: no committed one names its transactional ids
    names = Names(log.environment)
    lane = Lane(kafka_bootstrap, f"{log.environment}.dead")
    opened = lane.transaction(frozenset())
    transaction = opened.__enter__()
    claim = claim_record("0", 5, datetime.now(UTC), log.environment, "dead", [lane.transactional_id])
    transaction.produce(names.place("0"), claim.key.encode(), claim.value, headers_of(claim))
    transaction.flush()
    # when another claims, then it need not wait for the broker to end that transaction
    successor = start("127.0.0.1:8002")
    until(lambda: successor.poll() == ALL)
    successor.owner.claim("0", 1, datetime.now(UTC))
    assert claims(judge(read_to_end(log, ["0"]), "0")[1]) == [1]


def test_a_node_that_starts_again_settles_its_own_open_window(kafka_bootstrap: str, log: KafkaLog, start: Start) -> None:
    # given a transaction that a node of this name left open
    names = Names(log.environment)
    lane = Lane(kafka_bootstrap, names.transactional_id("127.0.0.1:8000", 0))
    opened = lane.transaction(frozenset())
    transaction = opened.__enter__()
    transaction.produce(names.place("0"), b"acme/cus_1", b"{}", [])
    transaction.flush()
    assert log.end("0") == 0
    # when it starts again, then readers are not held back
    start("127.0.0.1:8000")
    until(lambda: log.end("0") == 2, limit_s=2)
    assert read_to_end(log, ["0"]) == []


def test_two_claims_of_one_term_count_once(start: Start) -> None:
    # given two claims of the same term, as after a claim whose end was not known
    node = start("127.0.0.1:8001")
    until(lambda: node.poll() == ALL)
    first = node.owner.claim("0", 1, datetime.now(UTC))
    second = node.owner.claim("0", 1, datetime.now(UTC))
    # then the first counts, and the writer sees that it is not its last one
    state, results = judge(read_to_end(node.log), "0")
    assert state.claim == first.hash != second.hash
    assert [record.offset for record in quarantined(results)] == [second.offset]


def test_a_strangers_record_stops_no_reader(kafka_bootstrap: str, node: Node) -> None:
    node.write(append("0", "a"))
    names = Names(node.log.environment)
    with Lane(kafka_bootstrap, f"{node.log.environment}.stranger").transaction(frozenset()) as transaction:
        transaction.produce(names.place("0"), b"\xff", b"not ours", [("ce_type", b"\xff")])
    node.write(append("0", "b"))
    _, results = judge(read_to_end(node.log), "0")
    assert commands(results) == ["a", "b"]
    assert [record.attributes for record in quarantined(results)] == [{"type": "", "term": "0"}]
