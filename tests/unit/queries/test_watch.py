"""Whoever waits for the projector waits in one place: one look serves all, and nobody looks for nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import pytest

from queries import watch
from queries.ports import ReadModelsUnavailable
from queries.watch import Watch

LONG_S = 30.0


class ReadModels:
    """A projector that stands where the test says."""

    def __init__(self) -> None:
        self.sequence = 1
        self.looks = 0
        self.away = False

    async def positions(self) -> Mapping[str, int]:
        self.looks += 1
        await asyncio.sleep(0)
        if self.away:
            raise ReadModelsUnavailable("away")
        return {"0": self.sequence}


def run(test: Callable[[ReadModels, Watch], Awaitable[None]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "TICK_S", 0.001)
    read = ReadModels()
    asyncio.run(test(read, Watch(read)))  # type: ignore[arg-type]


async def waiters(watched: Watch, number: int = 1000) -> list[asyncio.Task[Mapping[str, int]]]:
    seen = await watched.now()
    tasks = [asyncio.create_task(watched.changed(seen, LONG_S)) for _ in range(number)]
    await asyncio.sleep(0.02)
    assert not any(task.done() for task in tasks)
    return tasks


def test_one_look_wakes_all_who_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(read: ReadModels, watched: Watch) -> None:
        waiting = await waiters(watched)
        assert read.looks < 50
        read.sequence = 2
        assert await asyncio.gather(*waiting) == [{"0": 2}] * len(waiting)

    run(test, monkeypatch)


def test_nobody_looks_when_nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(read: ReadModels, watched: Watch) -> None:
        for task in await waiters(watched, 3):
            task.cancel()
        await asyncio.sleep(0.02)
        before = read.looks
        await asyncio.sleep(0.02)
        assert read.looks == before

    run(test, monkeypatch)


def test_who_asks_late_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(_: ReadModels, watched: Watch) -> None:
        await watched.now()
        assert await watched.changed({"0": 0}, LONG_S) == {"0": 1}

    run(test, monkeypatch)


def test_a_wait_ends_with_its_time_and_with_whom_it_is_for(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(_: ReadModels, watched: Watch) -> None:
        seen = await watched.now()
        assert await watched.changed(seen, 0.01) == seen
        gone = asyncio.get_running_loop().create_future()
        gone.set_result(None)
        assert await watched.changed(seen, LONG_S, gone) == seen

    run(test, monkeypatch)


def test_an_outage_is_told_to_all_who_wait_and_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(read: ReadModels, watched: Watch) -> None:
        waiting = await waiters(watched, 5)
        read.away = True
        found = await asyncio.gather(*waiting, return_exceptions=True)
        assert {type(each) for each in found} == {ReadModelsUnavailable}
        read.away = False
        (task,) = await waiters(watched, 1)
        read.sequence = 2
        assert await task == {"0": 2}

    run(test, monkeypatch)


def test_an_end_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(_: ReadModels, watched: Watch) -> None:
        waiting = await waiters(watched, 5)
        watched.stop()
        assert await asyncio.wait_for(asyncio.gather(*waiting), 5) == [{"0": 1}] * 5
        assert await watched.changed({"0": 1}, LONG_S) == {"0": 1}

    run(test, monkeypatch)
