"""One running ledger and one tenant for all scenarios: each sells in a storefront of its own, to customers of its own."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.e2e.billing.shop import Shop
from tests.e2e.running import running_anew


@pytest.fixture(scope="package")
def client(postgres_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """Speaks for a tenant with a key that may do everything."""
    with running_anew(tmp_path_factory.mktemp("billing"), postgres_server) as running:
        headers = {"Authorization": f"Bearer {running.tenant_key('peers')}"}
        with httpx.Client(base_url=running.url, headers=headers, timeout=60) as client:
            yield client


@pytest.fixture
def shop(client: httpx.Client) -> Shop:
    return Shop(client).opens()
