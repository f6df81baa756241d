"""An answer from read models that have fallen behind says since when."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from queries import api_asking
from queries.api_asking import Asked

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


class ReadModels:
    def __init__(self, lag_s: float | None) -> None:
        self.seconds = lag_s
        self.looks = 0

    async def lag_s(self) -> float | None:
        self.looks += 1
        return self.seconds


def asked(read: ReadModels) -> Asked:
    return Asked(read, "sandbox", None, lambda: NOW)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("lag_s", "header"), [(None, {}), (0.4, {}), (10.0, {}), (90.0, {"Stale-Since": "2026-01-01T11:58:30Z"})]
)
def test_only_a_projector_that_fell_behind_is_told(lag_s: float | None, header: dict[str, str]) -> None:
    assert asyncio.run(asked(ReadModels(lag_s)).staleness()) == header


def test_the_projector_is_not_looked_up_for_every_request() -> None:
    read = ReadModels(90.0)
    one = asked(read)

    async def twice() -> None:
        assert await one.staleness() == await one.staleness()

    asyncio.run(twice())
    assert read.looks == 1
    assert api_asking.LOOK_AGAIN_S > 0
