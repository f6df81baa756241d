"""Who waits for whom in one partition: bounded, in turn by tenant, in order within a tenant."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from commands.catalog.create_tenant import CreateTenant, create_tenant
from commands.command import Command
from commands.ports import Answer, QueueFull, Quota, Unavailable
from infra.eventlog.record import CATALOG
from infra.eventlog.sqlite import SqliteLog
from infra.node.node import Node
from infra.node.tenants import AHEAD_MAX, SHARED_AHEAD_MAX
from tests.integration.node.support import TENANT_COMMAND, catalog_command, running, storefront_command, until

WAITING_MAX = 12
SHARE = WAITING_MAX // 3
Sent = asyncio.Future[Answer]


class Locked:
    """A node whose log somebody else keeps locked: nothing commits until ``unlock``."""

    def __init__(self, node: Node, log: Path) -> None:
        self._node = node
        self._lock = sqlite3.connect(log, isolation_level=None)
        self._lock.execute("BEGIN IMMEDIATE")

    def unlock(self) -> None:
        self._lock.execute("ROLLBACK")

    def send(self, command: Command) -> Sent:
        """Raises QueueFull."""
        return asyncio.ensure_future(self._node.submit(command))

    def flood(self, tenant: str, of: Callable[[int], Command]) -> list[Sent]:
        """Commands of a tenant, until one more has no place."""
        sent = list[Sent]()
        with suppress(QueueFull):
            while True:
                sent.append(self.send(replace(of(len(sent)), tenant=tenant)))
        return sent


def storefront(number: int) -> Command:
    return storefront_command(f"s-{number}")


def new_tenant(name: str) -> Command:
    command = catalog_command(f"tenant-{name}", lambda unit: create_tenant(unit, CreateTenant(id=name, name=name)))
    return replace(command, tenant=name)


def place(answer: Answer) -> int:
    return int(answer.position.partition("@")[2])


def play(scenario: Callable[[Node, Locked], Awaitable[None]], folder: Path) -> None:
    async def whole() -> None:
        log = SqliteLog(folder / "log.sqlite", "sandbox", 1)
        async with running(log, folder, waiting_max=WAITING_MAX) as node:
            await until(lambda: not node.unready())
            await node.submit(TENANT_COMMAND)
            await scenario(node, Locked(node, folder / "log.sqlite"))
        log.close()

    asyncio.run(whole())


def test_the_excess_of_one_tenant_is_refused_and_another_has_its_turn(tmp_path: Path) -> None:
    async def scenario(_: Node, locked: Locked) -> None:
        # given a tenant who sends more than may wait
        noisy = locked.flood("acme", storefront)
        assert len(noisy) == AHEAD_MAX + SHARE
        with pytest.raises(QueueFull) as refused:
            locked.send(storefront(len(noisy)))
        assert refused.value.code == "quota_exceeded"
        assert refused.value.quota == Quota("catalog", limit=SHARE, left=0)
        # when another one sends a single command
        quiet = locked.send(new_tenant("quiet"))
        locked.unlock()
        # then at most one of those that waited goes before it; these are done in their order, and all that was accepted is
        answered, places = place(await quiet), [place(answer) for answer in await asyncio.gather(*noisy)]
        assert places == sorted(places)
        assert sum(one < answered for one in places) <= AHEAD_MAX + 1

    play(scenario, tmp_path)


def test_a_full_partition_is_told_from_a_used_up_share(tmp_path: Path) -> None:
    async def scenario(_: Node, locked: Locked) -> None:
        # given so many tenants that each place that the partition may take is taken
        sent, tenants = locked.flood("acme", storefront), list[Sent]()
        while (waiting := len(sent) + len(tenants) - AHEAD_MAX) < WAITING_MAX // 2:
            tenants.append(locked.send(new_tenant(f"t-{waiting}")))
        # then nobody is let in, and when there is room again, everybody
        with pytest.raises(QueueFull) as refused:
            locked.send(new_tenant("late"))
        assert (refused.value.code, refused.value.quota.full) == ("overloaded", True)
        locked.unlock()
        await asyncio.gather(*sent, *tenants)
        await locked.send(new_tenant("late"))

    play(scenario, tmp_path)


def test_what_had_no_turn_in_time_is_told_so_and_is_not_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(node: Node, locked: Locked) -> None:
        with monkeypatch.context() as soon:
            soon.setattr("infra.node.node.ANSWER_LIMIT_S", 0.5)
            sent = locked.flood("acme", storefront)
        errors = await asyncio.gather(*sent, return_exceptions=True)
        codes = [error.code for error in errors if isinstance(error, Unavailable)]
        assert codes == ["outcome_unknown"] * AHEAD_MAX + ["overloaded"] * SHARE
        locked.unlock()
        # what was decided may have been done: its key tells; what had no turn is done for the first time
        assert (await node.submit(storefront(AHEAD_MAX))).replayed is False
        assert sum(node.state().waiting.values()) == 0

    play(scenario, tmp_path)


def test_what_was_on_its_way_once_may_have_been_done_though_its_turn_does_not_come_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(node: Node, locked: Locked) -> None:
        with monkeypatch.context() as soon:
            soon.setattr("infra.node.node.ANSWER_LIMIT_S", 0.5)
            sent = locked.flood("acme", storefront)
        # given commands whose commit's outcome was unknown, and which wait for their turn again
        catalog = node._partitions.served[CATALOG]
        for ticket in list(catalog.unsettled):
            catalog.drop(ticket)
            catalog.take_up(ticket)
        # when that does not come in time, then nobody is told that they were not done
        errors = await asyncio.gather(*sent, return_exceptions=True)
        codes = [error.code for error in errors if isinstance(error, Unavailable)]
        assert codes[:AHEAD_MAX] == ["outcome_unknown"] * AHEAD_MAX
        locked.unlock()

    play(scenario, tmp_path)


def test_what_waits_is_done_before_a_node_ends(tmp_path: Path) -> None:
    async def scenario(node: Node, locked: Locked) -> None:
        sent = locked.flood("acme", storefront)
        closing = asyncio.create_task(node.close())
        await asyncio.sleep(0)
        with pytest.raises(Unavailable, match="shutting_down"):
            locked.send(new_tenant("late"))
        locked.unlock()
        assert len({place(answer) for answer in await asyncio.gather(*sent)}) == len(sent)
        await closing

    play(scenario, tmp_path)


def test_what_waits_goes_on_when_what_was_before_it_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.eventlog.sqlite.BUSY_TIMEOUT_S", 0.1)

    async def scenario(node: Node, locked: Locked) -> None:
        # given a log that takes no write for as long as a whole window's clients wait
        with monkeypatch.context() as soon:
            soon.setattr("infra.node.node.ANSWER_LIMIT_S", 1.0)
            first = [locked.send(storefront(number)) for number in range(AHEAD_MAX)]
        second = locked.send(storefront(AHEAD_MAX))
        assert all(isinstance(each, Unavailable) for each in await asyncio.gather(*first, return_exceptions=True))
        # when the log is free again, then what waited behind it is done
        locked.unlock()
        assert (await second).replayed is False
        assert node.unready() == []

    play(scenario, tmp_path)


def test_beside_another_one_a_tenant_has_less_on_its_way(tmp_path: Path) -> None:
    async def scenario(_: Node, locked: Locked) -> None:
        # given a tenant after whom another one has sent something
        first = locked.send(new_tenant("quiet"))
        # when it sends more than may wait
        noisy = locked.flood("acme", storefront)
        # then less of it is decided ahead than alone, and the other's next one has its decision at once
        assert len(noisy) == SHARED_AHEAD_MAX // 2 + SHARE
        second = locked.send(new_tenant("next"))
        locked.unlock()
        answered, places = place(await second), [place(answer) for answer in await asyncio.gather(*noisy)]
        assert sum(one < answered for one in places) == SHARED_AHEAD_MAX // 2
        assert place(await first) < answered

    play(scenario, tmp_path)
