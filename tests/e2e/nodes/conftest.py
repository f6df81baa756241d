"""Two command nodes for all tests of a module."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from tests.e2e.nodes.cluster import Cluster, cluster


@pytest.fixture(scope="module")
def two(kafka_bootstrap: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster(kafka_bootstrap, f"t{uuid.uuid4().hex[:12]}", tmp_path_factory.mktemp("nodes")) as found:
        yield found
