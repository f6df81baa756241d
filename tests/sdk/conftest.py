"""Each test once for each client, and without long pauses; some with a ledger that runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from subledger_client import session
from tests.e2e.conftest import running
from tests.sdk.either import EITHER, Either, Opens, Wire

__all__ = ["running"]

Opened = Callable[..., Either]


@pytest.fixture(params=EITHER, ids=["sync", "async"])
def client(request: pytest.FixtureRequest) -> Iterator[Opened]:
    """Opens a client: on a wire, or where ``url`` is."""
    opens: Opens = request.param
    with ExitStack() as stack:

        def opened(wire: Wire | None = None, *, url: str = "http://ledger", key: str = "key", **more: Any) -> Either:
            made: Either = opens(url, key, wire, **more)
            stack.callback(made.close)
            return made

        yield opened


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "PAUSE_MIN_S", 0.001)
    monkeypatch.setattr(session, "PAUSE_MAX_S", 0.002)
