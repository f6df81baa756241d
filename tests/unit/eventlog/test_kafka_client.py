"""What the brokers' client gives, and what is made of it."""

from __future__ import annotations

from concurrent.futures import Future
from types import SimpleNamespace
from typing import cast

import pytest
from confluent_kafka import OFFSET_INVALID, TopicPartition
from confluent_kafka.admin import AdminClient

from infra.eventlog import kafka_client
from infra.eventlog.kafka_client import committed_ends
from infra.eventlog.log import LogUnavailable

PLACE = TopicPartition("t", 0)


class Leaderless:
    """An admin client whose request ran out of time: it tells no error, and an offset that is none."""

    def list_offsets(self, places: dict[TopicPartition, object], **_: object) -> dict[TopicPartition, Future[object]]:
        answer: Future[object] = Future()
        answer.set_result(SimpleNamespace(offset=OFFSET_INVALID))
        return dict.fromkeys(places, answer)

    def list_topics(self, *_: object, **__: object) -> None:
        """Nobody leads it."""


def test_an_end_that_nobody_told_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_client, "REQUEST_LIMIT_S", 0.1)

    with pytest.raises(LogUnavailable, match="t/0 gave no answer"):
        committed_ends(cast(AdminClient, Leaderless()), [PLACE])


class FrozenLeader(Leaderless):
    """The leader that it knows says nothing; another one, which leads by now, it finds when it looks again."""

    def __init__(self) -> None:
        self._found = False

    def list_offsets(self, places: dict[TopicPartition, object], **_: object) -> dict[TopicPartition, Future[object]]:
        answer: Future[object] = Future()
        if self._found:
            answer.set_result(SimpleNamespace(offset=7))
        return dict.fromkeys(places, answer)

    def list_topics(self, *_: object, **__: object) -> None:
        self._found = True


def test_a_leader_that_is_silent_is_none_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Found by rounds of faults, seed 1043: a node kept to one for minutes, and did not decide."""
    monkeypatch.setattr(kafka_client, "SILENCE_S", 0.1)

    assert committed_ends(cast(AdminClient, FrozenLeader()), [PLACE]) == {("t", 0): 7}
