"""Two nodes on one Kafka: each serves its share, with the whole catalog, and takes over what the other leaves."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from infra.eventlog import topics
from infra.eventlog.kafka import KafkaLog
from infra.eventlog.verify import verify
from infra.eventlog.walk import walk
from tests.integration.node.support import TENANT_COMMAND, anywhere, registration, running, storefront_command, until

CUSTOMERS = 40


@pytest.mark.slow
def test_both_serve_and_one_takes_over(kafka_bootstrap: str, kafka_environment: str, tmp_path: Path) -> None:
    topics.create(kafka_bootstrap, kafka_environment, 4, 1, 1)
    logs = [KafkaLog(kafka_bootstrap, kafka_environment, name) for name in ("first", "second")]

    async def scenario() -> None:
        async with running(logs[0], tmp_path / "first") as first:
            await until(lambda: not first.unready())
            await anywhere([first], TENANT_COMMAND)
            await anywhere([first], storefront_command("web"))
            async with running(logs[1], tmp_path / "second") as second:
                both = [first, second]
                # given that the partitions are shared
                await until(lambda: not second.unready() and not first.unready())
                # when commands come whose catalog items one of the nodes has read only from the other
                await anywhere(both, storefront_command("tv"))
                answers = await asyncio.gather(*(anywhere(both, registration(number, "tv")) for number in range(CUSTOMERS)))
                assert len({answer.stream for answer in answers}) == CUSTOMERS
            # then the one that stays takes over, and knows what the other did
            await until(lambda: not first.unready())
            again = [await anywhere([first], registration(number, "tv")) for number in range(CUSTOMERS)]
            assert all(answer.replayed for answer in again)
            assert [answer.position for answer in again] == [answer.position for answer in answers]

    (tmp_path / "first").mkdir()
    (tmp_path / "second").mkdir()
    asyncio.run(scenario())
    report = verify(walk(logs[0]), lambda _type, _value: None, lambda _done: None)
    assert report.ok
    assert sum(partition.events for partition in report.partitions.values()) == CUSTOMERS + 3
