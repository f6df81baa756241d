"""Every measurement runs, at a size that says nothing about speed, and prints what the report needs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import orjson
import pytest

from bench import RESULTS
from bench.harness.result import Result
from infra.importing.generate import generate
from tests.docs.pages import ROOT

ROUND = ("--seconds", "1", "--rounds", "1")
EMBEDDED = ("--log", "embedded")
TINY = (
    ("batch", *ROUND, "--customers", "100", *EMBEDDED),
    ("recurring", "--subscriptions", "20", *EMBEDDED),
    ("account", "--subscriptions", "12", "--number", "20", "--rounds", "1"),
    ("pricing", "--number", "1", "--rounds", "1"),
    ("noisy", *ROUND, "--connections", "20", *EMBEDDED),
    ("memory", "--customers", "20", "--minutes", "0.02", *EMBEDDED),
    ("growth", *ROUND, "--customers", "10", "--axis", "events"),
    ("entitlement", *ROUND, "--customers", "20"),
    ("event_to_row", *ROUND, "--customers", "20", *EMBEDDED),
    ("projector", "--rounds", "1", "--rows", "10", *EMBEDDED),
)
ON_KAFKA = (
    ("windows", "--rounds", "1"),
    ("commands", *ROUND, "--customers", "20", "--log", "kafka"),
    ("index_rebuild", "--rounds", "1", "--rows", "10"),
    ("restore", "--rounds", "1", "--rows", "10", "--events", "2000"),
)


def test_help_is_shown_and_not_kept_as_a_result() -> None:
    before = _kept()
    asked = [sys.executable, "-m", "bench", "batch", "--help"]
    shown = subprocess.run(asked, capture_output=True, text=True, cwd=ROOT, check=True)
    assert "--rounds" in shown.stdout
    assert _kept() == before


def _kept() -> bytes | None:
    result = ROOT / RESULTS / "batch.json"
    return result.read_bytes() if result.exists() else None


@pytest.mark.slow
@pytest.mark.parametrize("arguments", TINY, ids=lambda arguments: arguments[0])
def test_it_runs(arguments: Sequence[str]) -> None:
    measured(*arguments)


@pytest.mark.slow
@pytest.mark.parametrize("arguments", ON_KAFKA, ids=lambda arguments: arguments[0])
def test_it_runs_on_kafka(arguments: Sequence[str], kafka_bootstrap: str) -> None:
    measured(*arguments, KAFKA_BOOTSTRAP=kafka_bootstrap)


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [("importing", *EMBEDDED), ("what_if",)], ids=lambda arguments: arguments[0])
def test_the_import_runs(arguments: Sequence[str], tmp_path: Path) -> None:
    generate(tmp_path / "few.csv", rows=20)
    measured(*arguments, "--file", str(tmp_path / "few.csv"))


def measured(name: str, *options: str, **more: str) -> None:
    """Run one as its users do, and see that it gives lines that can be told again."""
    if shutil.which("wrk") is None:
        pytest.skip("not installed: wrk")
    environment = {**os.environ, **more, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        [sys.executable, "-m", f"bench.{name}", "--json", *options], capture_output=True, env=environment, cwd=ROOT, check=False
    )
    assert ended.returncode == 0, ended.stderr.decode()
    found = orjson.loads(ended.stdout)
    assert found["name"] == name
    assert found["lines"]
    assert Result.from_json(found).as_json() == found
