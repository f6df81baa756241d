"""Two nodes on one Kafka: each serves its share, with the whole catalog, and takes over what the other leaves."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from commands.command import Command
from commands.ports import Unavailable
from infra.eventlog import topics
from infra.eventlog.kafka import KafkaLog
from infra.eventlog.log import LogUnavailable
from infra.eventlog.verify import verify
from infra.eventlog.walk import walk
from infra.node import catalog
from infra.node.node import Node
from tests.integration.node.support import TENANT_COMMAND, anywhere, registration, running, storefront_command, until

CUSTOMERS = 40


class Cut(KafkaLog):
    """A log whose catalog cannot be reached while ``away``."""

    away = False

    def end(self, partition: str) -> int:
        if self.away:
            raise LogUnavailable("the catalog's leader is away")
        return super().end(partition)


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


@pytest.mark.slow
def test_who_does_not_see_the_catalogs_end_decides_no_more(
    kafka_bootstrap: str, kafka_environment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog, "CURRENT_S", 2.0)
    topics.create(kafka_bootstrap, kafka_environment, 4, 1, 1)
    logs = [Cut(kafka_bootstrap, kafka_environment, name) for name in ("first", "second")]

    async def scenario() -> None:
        async with running(logs[0], tmp_path / "first") as first, running(logs[1], tmp_path / "second") as second:
            both = [first, second]
            await until(lambda: not first.unready() and not second.unready() and first.decides_once != second.decides_once)
            await anywhere(both, TENANT_COMMAND)
            await anywhere(both, storefront_command("web"))
            # given the node that does not own the catalog, with customers of its own
            other, log = (second, logs[1]) if first.decides_once else (first, logs[0])
            command = await self_served(other)
            # when it cannot see where the catalog ends any more, then it answers so before long, to known and unknown alike
            log.away = True
            await until(lambda: "the catalog's end has not been seen for 2 s" in other.unready())
            with pytest.raises(Unavailable, match="catalog"):
                await other.submit(command)
            # and goes on by itself
            log.away = False
            await until(lambda: not other.unready())
            assert (await other.submit(command)).replayed

    (tmp_path / "first").mkdir()
    (tmp_path / "second").mkdir()
    asyncio.run(scenario())


async def self_served(node: Node) -> Command:
    """A command that this node has done for a customer of its own."""
    for number in range(CUSTOMERS):
        command = registration(number, "web")
        try:
            await node.submit(command)
        except Unavailable:
            continue
        return command
    raise AssertionError("the node serves none of these customers")
