"""The short form of `make faults`: a round on three brokers with three nodes."""

from __future__ import annotations

import shutil

import pytest

from tests.faults.cluster.leftovers import run_folder
from tests.faults.cluster.rounds import OK, cluster, run

SEED, SECONDS = 76, 20.0

pytestmark = [
    pytest.mark.slow,
    pytest.mark.kafka,
    pytest.mark.skipif(shutil.which("java") is None, reason="no Java, and the brokers that are killed are our own"),
]


def test_nothing_is_lost_or_done_twice_while_nodes_and_links_fail() -> None:
    with run_folder() as folder, cluster(folder) as site:
        found = run(site, SEED, SECONDS, folder / str(SEED), print)
        assert found.verdict == OK
        assert found.acknowledged > 0
        assert found.takeovers > len(site.hosts)
