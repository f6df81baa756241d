"""Every measurement runs, at a size that says nothing about speed, and prints what the report needs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence

import orjson
import pytest

from bench.harness.result import Result
from tests.docs.pages import ROOT

TINY = (("commands", "--seconds", "1", "--rounds", "1", "--customers", "20", "--log", "kafka"),)


@pytest.mark.slow
@pytest.mark.parametrize("arguments", TINY, ids=lambda arguments: arguments[0])
def test_it_runs(arguments: Sequence[str], kafka_bootstrap: str) -> None:
    if shutil.which("wrk") is None:
        pytest.skip("not installed: wrk")
    # when it is run as its users do, on the session's broker
    name, *options = arguments
    environment = {**os.environ, "KAFKA_BOOTSTRAP": kafka_bootstrap, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        [sys.executable, "-m", f"bench.{name}", "--json", *options], capture_output=True, env=environment, cwd=ROOT, check=False
    )
    # then it gives lines that can be told again
    assert ended.returncode == 0, ended.stderr.decode()
    found = orjson.loads(ended.stdout)
    assert found["name"] == name
    assert found["lines"]
    assert Result.from_json(found).as_json() == found
