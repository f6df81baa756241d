"""The feed of a ledger that runs, from outside."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra.ledger_client import LedgerClient
from infra.settings import variable
from tests.e2e.running import Running, free_port

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
PATIENCE_S = 60


@contextmanager
def subledger(running: Running, *command: str, **settings: str) -> Iterator[subprocess.Popen[str]]:
    """A process of the command line, with the ledger's own settings but for the given ones."""
    own = {**running.environment, **{variable(name): value for name, value in settings.items()}, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, "-m", "infra.cli", *command],
        cwd=ROOT, env={**os.environ, **own}, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        # Where the tests run Ctrl-C may be ignored, and what they start would ignore it, too.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
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


def make(running: Running, key: str, entitlement: str) -> None:
    async def send() -> None:
        async with LedgerClient(running.url, key) as client:
            body = {"id": entitlement, "kind": "flag", "name": entitlement}
            await client.post("/v1/entitlements", body, f"make-{entitlement}")

    asyncio.run(send())


def entitlements(running: Running, key: str) -> list[dict[str, Any]]:
    """Their events, as the feed has them."""
    headers = {"Authorization": f"Bearer {key}"}
    found: list[dict[str, Any]] = httpx.get(f"{running.url}/v1/events?type=entitlement.*", headers=headers).json()["data"]
    return found


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
            assert [line for line in lines if line] == [": the server ends; come back"]
        _, told = process.communicate(timeout=PATIENCE_S)
        assert "Traceback" not in told
        assert "exceeded" not in told, "the server waited for the stream until its patience was over"


def test_the_tail_goes_on_over_a_restart_and_ends_with_where_to_go_on(running: Running) -> None:
    key = running.tenant_key("tailed")
    port = str(free_port())
    url = f"http://127.0.0.1:{port}"
    follow = ("tail", "--json", "--url", url, "--api-key", key, "--type", "entitlement.*")
    with subledger(running, "queries", port=port) as queries:
        until_up(url)
        # given a tail that has shown what there was
        make(running, key, "hd")
        with subledger(running, *follow, "--after", "0") as tail:
            assert tail.stdout is not None
            shown = [json.loads(tail.stdout.readline())]
            # when the process that it asks is away for a while, then it goes on with what was recorded meanwhile
            queries.terminate()
            queries.communicate(timeout=PATIENCE_S)
            make(running, key, "uhd")
            with subledger(running, "queries", port=port):
                shown.append(json.loads(tail.stdout.readline()))
                # and Ctrl-C ends it in good order
                tail.send_signal(signal.SIGINT)
                rest, told = tail.communicate(timeout=PATIENCE_S)
    assert (rest, tail.returncode) == ("", 0)
    assert "Traceback" not in told
    assert shown == entitlements(running, key)
    # what it says is the way to go on
    make(running, key, "8k")
    words = told.split()
    with subledger(running, "tail", "--url", running.url, "--api-key", key, "--after", words[words.index("--after") + 1]) as tail:
        assert tail.stdout is not None
        line = tail.stdout.readline()
        assert "entitlement.defined.v1" in line
        assert "tailed/entitlement/8k  entitlement=8k kind=flag name=8k  catalog@" in line


def test_the_tail_ends_with_its_reader(running: Running) -> None:
    key = running.tenant_key("piped")
    with subledger(running, "tail", "--url", running.url, "--api-key", key, "--after", "0") as tail:
        assert tail.stdout is not None
        assert "tenant.created.v1" in tail.stdout.readline()
        # when nobody reads on, as after `| head -1`, although there is nothing more to write
        tail.stdout.close()
        assert tail.wait(timeout=PATIENCE_S) == 0
        assert tail.stderr is not None
        assert tail.stderr.read() == ""


def test_a_tail_that_is_refused_says_why_in_one_line(running: Running) -> None:
    with subledger(running, "tail", "--url", running.url, "--api-key", "wrong") as tail:
        _, told = tail.communicate(timeout=30)
    assert tail.returncode == 2
    assert told.startswith("subledger: unauthenticated")
    assert len(told.splitlines()) == 1
