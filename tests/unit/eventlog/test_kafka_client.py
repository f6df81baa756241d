"""What the brokers' client gives, and what is made of it."""

from __future__ import annotations

from concurrent.futures import Future
from types import SimpleNamespace
from typing import cast

import pytest
from confluent_kafka import OFFSET_INVALID, TopicPartition
from confluent_kafka.admin import AdminClient

from infra.eventlog.kafka_client import committed_ends
from infra.eventlog.log import LogUnavailable

PLACE = TopicPartition("t", 0)


class Leaderless:
    """An admin client whose request ran out of time: it tells no error, and an offset that is none."""

    def list_offsets(self, places: dict[TopicPartition, object], **_: object) -> dict[TopicPartition, Future[object]]:
        answer: Future[object] = Future()
        answer.set_result(SimpleNamespace(offset=OFFSET_INVALID))
        return dict.fromkeys(places, answer)


def test_an_end_that_nobody_told_is_none() -> None:
    with pytest.raises(LogUnavailable, match="t/0 gave no answer"):
        committed_ends(cast(AdminClient, Leaderless()), [PLACE])
