"""What a failure of a transaction means, by when it came and what the client says of it."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from infra.eventlog import kafka_lane
from infra.eventlog.kafka_lane import Lane, Unsettled
from infra.eventlog.log import Aborted, AppendError, NotOwner, OutcomeUnknown, RecordRefused

PLACE = TopicPartition("t.ledger.events", 0)


class Scripted:
    """A producer whose calls fail as told."""

    def __init__(self, fails: dict[str, KafkaError]) -> None:
        self._fails = fails
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Callable[..., None]:
        def call(*_: Any, **__: Any) -> None:
            self.calls.append(name)
            if name in self._fails:
                raise KafkaException(self._fails[name])

        return call


def error(code: int, abort: bool = False) -> KafkaError:
    return KafkaError(code, None, False, False, abort)


def run(monkeypatch: pytest.MonkeyPatch, fails: dict[str, KafkaError], write: bool = True) -> AppendError | None:
    monkeypatch.setattr(kafka_lane, "Producer", lambda _: Scripted(fails))
    lane = Lane("127.0.0.1:1", "t.ledger.node.0")
    try:
        with lane.transaction(frozenset({"0"})) as transaction:
            if write:
                transaction.produce(PLACE, b"k", b"{}", [])
            transaction.send_offsets([PLACE], None)
            transaction.flush()
    except AppendError as failure:
        return failure
    return None


@pytest.mark.parametrize(
    ("call", "code", "meaning"),
    [
        ("send_offsets_to_transaction", KafkaError.UNKNOWN_MEMBER_ID, NotOwner),
        ("send_offsets_to_transaction", KafkaError.FENCED_MEMBER_EPOCH, NotOwner),
        ("send_offsets_to_transaction", KafkaError._FENCED, NotOwner),
        ("begin_transaction", KafkaError._FENCED, NotOwner),
        # A newcomer raised the epoch: still ours perhaps, so poll and decide again.
        ("send_offsets_to_transaction", KafkaError.ILLEGAL_GENERATION, Aborted),
        ("send_offsets_to_transaction", KafkaError._TIMED_OUT, Aborted),
        ("produce", KafkaError.MSG_SIZE_TOO_LARGE, RecordRefused),
        ("init_transactions", KafkaError._TIMED_OUT, Aborted),
        ("init_transactions", KafkaError.CONCURRENT_TRANSACTIONS, Unsettled),
    ],
)
def test_before_a_commit_is_asked_for_nothing_is_unknown(
    monkeypatch: pytest.MonkeyPatch, call: str, code: int, meaning: type[AppendError]
) -> None:
    assert type(run(monkeypatch, {call: error(code, abort=True)})) is meaning
    # even where the transaction cannot be aborted either
    assert type(run(monkeypatch, {call: error(code, abort=True), "abort_transaction": error(KafkaError._FENCED)})) is meaning


@pytest.mark.parametrize(
    ("fails", "meaning"),
    [
        ({"commit_transaction": error(KafkaError._TIMED_OUT)}, OutcomeUnknown),
        ({"commit_transaction": error(KafkaError._FENCED)}, OutcomeUnknown),
        ({"commit_transaction": error(KafkaError.MSG_SIZE_TOO_LARGE, abort=True)}, RecordRefused),
        ({"commit_transaction": error(KafkaError._INCONSISTENT, abort=True)}, Aborted),
        (
            {"commit_transaction": error(KafkaError._INCONSISTENT, abort=True), "abort_transaction": error(KafkaError._STATE)},
            OutcomeUnknown,
        ),
    ],
)
def test_a_commit_that_failed_is_unknown_unless_it_was_aborted_in_good_order(
    monkeypatch: pytest.MonkeyPatch, fails: dict[str, KafkaError], meaning: type[AppendError]
) -> None:
    assert type(run(monkeypatch, fails)) is meaning


def test_a_proof_that_failed_wrote_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert type(run(monkeypatch, {"commit_transaction": error(KafkaError._TIMED_OUT)}, write=False)) is Aborted


def test_a_window_that_commits_raises_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, {}) is None


def test_a_fence_that_never_answers_wrote_nothing_and_its_producer_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    # given a first producer that hangs at the fence, and others that do not
    stuck, healthy, release = Scripted({}), Scripted({}), Event()
    monkeypatch.setattr(stuck, "send_offsets_to_transaction", lambda *_: release.wait(), raising=False)
    made = iter([stuck, healthy])
    monkeypatch.setattr(kafka_lane, "Producer", lambda _: next(made))
    monkeypatch.setattr(kafka_lane, "FENCE_LIMIT_S", 0.05)
    lane = Lane("127.0.0.1:1", "t.ledger.node.0")
    # when / then
    with pytest.raises(Aborted), lane.transaction(frozenset({"0"})) as transaction:
        transaction.send_offsets([PLACE], None)
    release.set()
    assert stuck.calls == ["init_transactions", "begin_transaction"]
    with lane.transaction(frozenset({"0"})) as transaction:
        transaction.send_offsets([PLACE], None)
    assert healthy.calls[-1] == "commit_transaction"


def test_an_error_of_the_caller_aborts_and_passes_through(monkeypatch: pytest.MonkeyPatch) -> None:
    producer = Scripted({})
    monkeypatch.setattr(kafka_lane, "Producer", lambda _: producer)
    with pytest.raises(ZeroDivisionError), Lane("127.0.0.1:1", "t.ledger.node.0").transaction(frozenset()):
        raise ZeroDivisionError
    assert producer.calls == ["init_transactions", "begin_transaction", "abort_transaction"]
