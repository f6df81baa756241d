"""Windows on a real broker: all or nothing over partitions, and what each failure means."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource

from infra.eventlog import kafka_lane, kafka_reader
from infra.eventlog.kafka import KafkaLog
from infra.eventlog.kafka_lane import Transaction
from infra.eventlog.log import Aborted, LogUnavailable, NotOwner, OutcomeUnknown, RecordRefused
from infra.eventlog.topics import Names
from tests.integration.kafka.support import ALL, Node, append, commands, judge, read_to_end, until


def test_a_window_over_several_partitions_is_read_whole(node: Node) -> None:
    # given a node that owns all; when one window writes to three partitions
    written = node.write(append("0", "a", events=3), append("1", "b"), append("catalog", "c"), append("0", "d"))
    # then readers see each record as it was written, and the chains go on from what the node knows
    read = read_to_end(node.log)
    assert [record.attributes for record in read if not record.is_claim and record.partition == "0"] == [
        record.attributes for record in written if record.partition == "0"
    ]
    for partition, expected in (("0", ["a", "d"]), ("1", ["b"]), ("catalog", ["c"]), ("2", [])):
        state, results = judge(read, partition)
        assert commands(results) == expected
        assert state.chain == node.states[partition].chain


def test_commit_tells_from_where_each_index_reads_on(node: Node) -> None:
    records = node.number([append("0", "a", events=2), append("1", "b")])
    ends = node.owner.commit(records, {}, frozenset())
    last = {record.partition: record.offset for record in read_to_end(node.log) if not record.is_claim}
    assert ends == {partition: offset + 1 for partition, offset in last.items()}


def test_an_oversized_record_refuses_its_window_and_no_other(node: Node) -> None:
    # when one record of a window is larger than the client lets through, then nothing of the window is written
    with pytest.raises(RecordRefused):
        node.write(append("0", "a"), append("1", "large", size=1_100_000))
    # and the others commit without it
    node.write(append("0", "a"), append("1", "b"))
    read = read_to_end(node.log)
    assert commands(judge(read, "0")[1]) == ["a"]
    assert commands(judge(read, "1")[1]) == ["b"]


def test_a_record_that_the_broker_refuses_is_a_refused_record_too(kafka_bootstrap: str, node: Node) -> None:
    # given a topic that takes less than the client lets through
    topic = ConfigResource(ConfigResource.Type.TOPIC, Names(node.log.environment).events)
    topic.add_incremental_config(ConfigEntry("max.message.bytes", "5000", incremental_operation=AlterConfigOpType.SET))
    admin = AdminClient({"bootstrap.servers": kafka_bootstrap})
    admin.incremental_alter_configs([topic])[topic].result()
    # when / then
    with pytest.raises(RecordRefused):
        node.write(append("0", "a"), append("1", "large", size=90_000))
    node.write(append("0", "a"))
    assert commands(judge(read_to_end(node.log), "0")[1]) == ["a"]


def test_a_window_of_many_records_is_pipelined(node: Node) -> None:
    node.write(*(append(str(number % 3), f"n{number}") for number in range(2000)))
    read = read_to_end(node.log)
    assert sum(len(commands(judge(read, partition)[1])) for partition in "012") == 2000


def test_a_partition_that_was_never_claimed_is_not_written(start: Callable[[str], Node]) -> None:
    node = start("127.0.0.1:8000")
    until(lambda: node.poll() == ALL)
    with pytest.raises(NotOwner) as refused:
        node.owner.commit([], {}, frozenset({"0"}))
    assert refused.value.partitions == {"0"}


def test_what_is_fenced_has_been_delivered(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    # A successor's claim comes after the fence let us through: what is delivered later could stand behind it and not count.
    fenced: list[tuple[str, int]] = []
    send_offsets = Transaction.send_offsets

    def observed(transaction: Transaction, positions: Sequence[TopicPartition], membership: object) -> None:
        fenced.extend(transaction.delivered)
        send_offsets(transaction, positions, membership)

    monkeypatch.setattr(Transaction, "send_offsets", observed)
    node.write(append("0", "a"), append("1", "b"), append("2", "c"))
    assert sorted(partition for _, partition in fenced) == [0, 1, 2]


def test_data_keys_commit_with_the_window_or_not_at_all(node: Node) -> None:
    keys = node.log.keys()
    try:
        with pytest.raises(RecordRefused):
            node.owner.commit(node.number([append("0", "large", size=1_100_000)]), {"acme/cus_1": b"lost"}, frozenset())
        assert dict(keys.items()) == {}
        node.owner.commit([], {"acme/cus_1": b"one", "acme/cus_2": b"two"}, frozenset({"0"}))
        assert keys.get("acme/cus_1") == b"one"
        node.owner.commit([], {"acme/cus_1": b"newer"}, frozenset({"0"}))
        assert dict(keys.items()) == {"acme/cus_1": b"newer", "acme/cus_2": b"two"}
    finally:
        keys.close()


def test_a_data_key_that_is_being_committed_is_waited_for(kafka_bootstrap: str, node: Node) -> None:
    keys = node.log.keys()
    assert dict(keys.items()) == {}
    # given a key that is written, but whose marker is not: its events may be read already
    producer = Producer({"bootstrap.servers": kafka_bootstrap, "transactional.id": f"{node.log.environment}.late"})
    producer.init_transactions()
    producer.begin_transaction()
    producer.produce(Names(node.log.environment).keys, b"one", "acme/cus_1")
    producer.flush()
    try:
        with ThreadPoolExecutor(1) as pool:
            # when it is asked for, then "there is none" is no answer yet
            found = pool.submit(keys.get, "acme/cus_1")
            with pytest.raises(TimeoutError):
                found.result(0.3)
            producer.commit_transaction()
            assert found.result() == b"one"
    finally:
        keys.close()


def test_a_data_key_that_is_not_there_is_not_taken_for_a_destroyed_one(
    kafka_bootstrap: str, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A leader that is cut off from the other brokers tells an end that is long past.
    monkeypatch.setattr(kafka_reader, "_KEY_LIMIT_S", 0.5)
    keys = node.log.keys()
    try:
        with pytest.raises(LogUnavailable, match="holds no data key of acme/cus_1"):
            keys.get("acme/cus_1")
        # when it was destroyed, then that is what is said
        producer = Producer({"bootstrap.servers": kafka_bootstrap})
        producer.produce(Names(node.log.environment).keys, None, "acme/cus_1")
        producer.flush()
        assert keys.get("acme/cus_1") is None
        assert dict(keys.items()) == {}
    finally:
        keys.close()


class CommitsInSilence(Producer):
    """A producer whose commit takes place, but whose answer is lost."""

    takes_place = True

    def commit_transaction(self, timeout: float = -1) -> None:
        if self.takes_place:
            super().commit_transaction(timeout)
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT, "no answer"))


@pytest.mark.parametrize("takes_place", [True, False])
def test_an_unknown_outcome_is_known_after_recovery_and_claim(
    node: Node, monkeypatch: pytest.MonkeyPatch, takes_place: bool
) -> None:
    # given lanes whose commits go unanswered
    monkeypatch.setattr(kafka_lane, "Producer", CommitsInSilence)
    monkeypatch.setattr(CommitsInSilence, "takes_place", takes_place)
    node.owner.recover()
    # when a window is committed, then its outcome is unknown
    with pytest.raises(OutcomeUnknown):
        node.write(append("0", "a"), append("1", "b"))
    # and after recovery and a new claim the log tells
    monkeypatch.undo()
    node.owner.recover()
    node.take_over({"0", "1"})
    for partition, name in (("0", "a"), ("1", "b")):
        assert commands(judge(read_to_end(node.log), partition)[1]) == ([name] if takes_place else [])
    node.write(append("0", "c"), append("1", "d"))


def test_a_proof_without_an_answer_wrote_nothing(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_lane, "Producer", CommitsInSilence)
    node.owner.recover()
    for _ in range(2):  # both lanes
        with pytest.raises(Aborted):
            node.owner.commit([], {}, ALL)
    # and the lane that it broke is settled before its next use
    monkeypatch.undo()
    for _ in range(3):
        node.owner.commit([], {}, ALL)


def test_a_window_that_was_dated_before_the_clock_was_set_right_is_not_written(kafka_bootstrap: str, environment: str) -> None:
    ahead_s: list[float] = []
    log = KafkaLog(kafka_bootstrap, environment, "127.0.0.1:8000", clock=lambda: time.time() + (ahead_s.pop() if ahead_s else 0))
    node = Node(log, log.owner())
    try:
        node.take_over()
        # given a clock that is an hour ahead when a window begins, and right when it ends
        ahead_s.append(3600)
        with pytest.raises(Aborted, match=r"our clock is \+3600"):
            node.write(append("0", "dated too late"))
        # then the window can be written once it is dated anew
        node.write(append("0", "dated well"))
    finally:
        node.owner.close()
    assert commands(judge(read_to_end(log), "0")[1]) == ["dated well"]


def test_a_node_whose_clock_is_off_the_brokers_writes_nothing(kafka_bootstrap: str, environment: str) -> None:
    log = KafkaLog(kafka_bootstrap, environment, "127.0.0.1:8000", clock=lambda: time.time() + 6)
    node = Node(log, log.owner())
    try:
        until(lambda: node.poll() == ALL)
        with pytest.raises(Aborted, match=r"our clock is \+\d"):
            node.owner.claim("0", 1, datetime.now(UTC))
    finally:
        node.owner.close()
    assert read_to_end(log) == []
