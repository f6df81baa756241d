"""The feed of a ledger that runs, from outside."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from infra.settings import variable
from tests.e2e.running import Running, free_port

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]


@contextmanager
def subledger(running: Running, *command: str, **settings: str) -> Iterator[subprocess.Popen[str]]:
    """A process of the command line, with the ledger's own settings but for the given ones."""
    own = {**running.environment, **{variable(name): value for name, value in settings.items()}, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, "-m", "infra.cli", *command],
        cwd=ROOT, env={**os.environ, **own}, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def until_up(url: str) -> None:
    for _ in range(200):
        try:
            if httpx.get(f"{url}/healthz").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError(f"{url} never came up")


def test_a_query_process_that_is_told_to_stop_ends_its_streams_at_once(running: Running) -> None:
    running.tenant_key("acme")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    headers = {"Authorization": f"Bearer {running.admin_key}", "x-tn": "acme", "Accept": "text/event-stream"}
    with subledger(running, "queries", port=str(port)) as process:
        until_up(url)
        with httpx.stream("GET", f"{url}/v1/events?after=now", headers=headers) as response:
            lines = response.iter_lines()
            assert next(lines) == "retry: 2000"
            process.terminate()
            told = time.monotonic()
            assert [line for line in lines if line] == [": the server ends; come back"]
        _, errors = process.communicate(timeout=20)
        assert time.monotonic() - told < 5, "within the promise, on a busy machine"
        assert "Traceback" not in errors
        assert "exceeded" not in errors
