"""An export of any log is loaded into an empty one on Kafka, with the same hashes."""

from __future__ import annotations

import pytest

from infra.eventlog import topics
from infra.eventlog.kafka import KafkaLog
from infra.eventlog.log import LogUnusable
from tests.integration.kafka.support import ALL, Node, append, delete_topics, judge, read_to_end


def test_a_log_is_loaded_verbatim_and_only_once(kafka_bootstrap: str, node: Node) -> None:
    # given a log with claims and commands, and an empty one
    node.write(append("0", "a", events=3), append("catalog", "b"))
    node.write(append("0", "c"), append("2", "d"))
    exported = read_to_end(node.log)
    empty = f"{node.log.environment}b"
    topics.create(kafka_bootstrap, empty, partitions=3, replication=1, min_insync=1)
    try:
        # when the export is loaded in two batches
        log = KafkaLog(kafka_bootstrap, empty, "127.0.0.1:8000")
        loader = log.owner()
        loader.load(exported[:4])
        loader.load(exported[4:])
        loader.close()
        # then readers end with the same state, markers aside
        loaded = read_to_end(log)
        for partition in ALL:
            before, after = judge(exported, partition)[0], judge(loaded, partition)[0]
            assert (after.sequence, after.term, after.chain) == (before.sequence, before.term, before.chain)
        # and a second load is refused
        second = log.owner()
        with pytest.raises(LogUnusable):
            second.load(exported)
        second.close()
        # and whoever takes it over goes on from there
        successor = Node(log, log.owner())
        successor.take_over({"0"})
        successor.write(append("0", "e"))
        assert judge(read_to_end(log), "0")[0].sequence == 5
        successor.owner.close()
    finally:
        delete_topics(kafka_bootstrap, empty)
