"""``subledger run`` ends by a signal wherever it is."""

from __future__ import annotations

import asyncio
import signal

import pytest

from infra.embedded import _interruptible


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
