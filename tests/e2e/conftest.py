"""One running ledger for all tests of a module: they keep apart by tenants."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.running import Running, running_anew


@pytest.fixture(scope="module")
def running(postgres_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The embedded default, running: origin and projector."""
    with running_anew(tmp_path_factory.mktemp("state"), postgres_server) as ledger:
        yield ledger
