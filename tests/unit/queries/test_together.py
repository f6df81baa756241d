"""Questions asked together: few snapshots for many, each answered from one that was taken after it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from queries import together
from queries.ports import ReadModelsUnavailable
from queries.together import Together


class Rows:
    """Numbers its snapshots; a tenant's are taken only while its gate is open."""

    def __init__(self) -> None:
        self.taken = 0
        self.away = False
        self.gates: dict[str, asyncio.Event] = {}

    def close_gate(self, tenant: str) -> asyncio.Event:
        self.gates[tenant] = asyncio.Event()
        return self.gates[tenant]

    async def ask(self, tenant: str, ids: Sequence[str]) -> tuple[Mapping[str, str], Mapping[str, int]]:
        self.taken += 1
        number = self.taken
        if tenant in self.gates:
            await self.gates[tenant].wait()
        if self.away:
            raise ReadModelsUnavailable
        return {id: f"{tenant}/{id}" for id in ids if id != "nobody"}, {"0": number}


def test_what_comes_while_one_snapshot_is_asked_shares_the_next() -> None:
    read = Rows()

    async def run() -> None:
        gate, one = read.close_gate("t"), Together(read.ask)
        first = asyncio.create_task(one.find("t", "a"))
        while not read.taken:
            await asyncio.sleep(0)
        later = [asyncio.create_task(one.find("t", id)) for id in ("a", "b", "nobody", "b")]
        await asyncio.sleep(0)
        gate.set()
        assert await first == ("t/a", {"0": 1})
        assert await asyncio.gather(*later) == [(found, {"0": 2}) for found in ("t/a", "t/b", None, "t/b")]

    asyncio.run(run())
    assert read.taken == 2


def test_one_tenant_does_not_wait_for_another() -> None:
    read = Rows()

    async def run() -> None:
        gate, one = read.close_gate("slow"), Together(read.ask)
        slow = asyncio.create_task(one.find("slow", "a"))
        assert (await one.find("quick", "a"))[0] == "quick/a"
        assert not slow.done()
        gate.set()
        assert (await slow)[0] == "slow/a"

    asyncio.run(run())


def test_a_snapshot_holds_so_many_questions_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(together, "AT_ONCE_MAX", 2)
    read = Rows()

    async def run() -> None:
        one = Together(read.ask)
        found = await asyncio.gather(*(one.find("t", str(number)) for number in range(5)))
        assert [answer for answer, _ in found] == [f"t/{number}" for number in range(5)]

    asyncio.run(run())
    assert read.taken == 3


def test_each_who_asked_is_told_that_nothing_could_be_asked_and_may_ask_again() -> None:
    read = Rows()

    async def run() -> None:
        one = Together(read.ask)
        read.away = True
        errors = await asyncio.gather(one.find("t", "a"), one.find("t", "b"), return_exceptions=True)
        assert [type(error) for error in errors] == [ReadModelsUnavailable] * 2
        read.away = False
        assert (await one.find("t", "a"))[0] == "t/a"

    asyncio.run(run())


def test_who_goes_away_takes_no_answer_from_others() -> None:
    read = Rows()

    async def run() -> None:
        gate, one = read.close_gate("t"), Together(read.ask)
        gone, stays = (asyncio.create_task(one.find("t", id)) for id in ("a", "b"))
        while not read.taken:
            await asyncio.sleep(0)
        gone.cancel()
        gate.set()
        assert (await stays)[0] == "t/b"

    asyncio.run(run())
