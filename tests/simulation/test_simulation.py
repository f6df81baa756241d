"""The simulation in CI: thousands of histories keep every promise, a seed is one run, and mistakes in the code are found.

Each in a process of its own: what is simulated stands in the place of the ledger's clients, threads and time.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.simulation.mistakes import MISTAKES

SEEDS = 2000
LIMIT_S = 600


def simulate(*arguments: str, hash_seed: str = "0") -> dict[str, Any]:
    """What ``python -m tests.simulation`` comes to."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.simulation", *arguments, "--json"],
        env=os.environ | {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        stdout=subprocess.PIPE,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode in (0, 1), done.stdout
    result: dict[str, Any] = json.loads(done.stdout)
    return result


@pytest.mark.slow
def test_every_promise_is_kept_in_every_history() -> None:
    result = simulate("--seeds", str(SEEDS))
    assert not result["failed"], "\n\n".join(result["shortest"])
    assert result["histories"] == SEEDS
    assert result["commands"] > 5 * SEEDS


def test_a_seed_is_one_run() -> None:
    """To the byte, in whatever process."""
    first = simulate("--seed", "5")
    assert simulate("--seed", "5", hash_seed="17") == first
    assert simulate("--seed", "6")["fingerprint"] != first["fingerprint"]


@pytest.mark.slow
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_found(mistake: str) -> None:
    """And its schedule is shorter than the seed's."""
    result = simulate("--mistake", mistake, "--seeds", "300", "--stop")
    assert len(result["failed"]) == 1, f"{result['histories']} histories did not find it"
    [shortest] = result["shortest"]
    assert "steps are enough" in shortest
