"""The short form of `make crash`: each part is killed once on both logs, during an import."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from tests.faults.crash import VICTIMS, Outcome, crash, subscribers, victims
from tests.faults.deployment import Log

SEED, ROWS, CUSTOMERS = 1, 60, 24

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """One that a server of another user can reach, with a path that a socket may have."""
    with tempfile.TemporaryDirectory(prefix="crash-") as name:
        yield Path(name)


@pytest.fixture(scope="module")
def file(folder: Path) -> Path:
    return subscribers(folder / "subscribers.csv", ROWS, Random(SEED))


@pytest.fixture(scope="module")
def undisturbed(folder: Path, file: Path) -> Outcome:
    return crash("embedded", folder / "undisturbed", file, [], Random(SEED), CUSTOMERS, print)


NO_JAVA = pytest.mark.skipif(shutil.which("java") is None, reason="no Java, and the broker that is killed is our own")


@pytest.mark.parametrize("log", ["embedded", pytest.param("kafka", marks=[pytest.mark.kafka, NO_JAVA])])
def test_whatever_is_killed_nothing_is_lost_or_done_twice(log: Log, folder: Path, file: Path, undisturbed: Outcome) -> None:
    random = Random(SEED)
    print(f"seed {SEED}")
    outcome = crash(log, folder / log, file, victims(log, len(VICTIMS[log]), random), random, CUSTOMERS, print)
    assert outcome.verdict.totals == undisturbed.verdict.totals
    assert outcome.verdict.tables == undisturbed.verdict.tables
    assert outcome.verdict.acknowledged == undisturbed.verdict.acknowledged
