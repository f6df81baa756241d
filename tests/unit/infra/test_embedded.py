"""``subledger run``: it ends by a signal wherever it is, and looks after its processes wherever it is."""

from __future__ import annotations

import asyncio
import signal
from typing import cast

import pytest
from pydantic import SecretStr

from infra import embedded
from infra.embedded import _interruptible
from infra.settings import Settings
from infra.supervisor import Supervisor


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_cancels_what_is_being_loaded(number: signal.Signals) -> None:
    cancelled = False

    async def loads() -> None:
        nonlocal cancelled
        try:
            signal.raise_signal(number)
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            cancelled = True
            raise

    with _interruptible(), pytest.raises(KeyboardInterrupt):
        asyncio.run(loads())

    assert cancelled


class DiesOnce:
    """A supervisor whose origin is up again from the second look on."""

    def __init__(self) -> None:
        self.looks = 0

    def check(self) -> None:
        self.looks += 1


def test_the_origin_is_looked_after_while_the_load_waits_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    supervisor = DiesOnce()

    async def waiting(*_: object) -> str:
        while supervisor.looks < 2:
            await asyncio.sleep(0)
        return "loaded"

    async def loaded() -> object:
        async with asyncio.timeout(10):
            return await embedded._load_demo(Settings(admin_key=SecretStr("a" * 32)), cast("Supervisor", supervisor), "")

    monkeypatch.setattr(embedded, "load_demo", waiting)
    monkeypatch.setattr(embedded, "CHECK_S", 0.01)
    assert asyncio.run(loaded()) == "loaded"
