"""One outage: a light load on a deployment while what it stands on is away, and what was answered meanwhile."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from threading import Event
from typing import Any, Literal

import httpx
import psutil

from infra.ledger_client import LedgerClient
from tests.e2e.running import free_port
from tests.faults.deployment import Deployment, Log, Service, deployed
from tests.faults.load import live, open_shop
from tests.faults.plain_reader import find, partitions
from tests.faults.watch import Seen, Watched, look

Server = Literal["broker", "postgres"]
How = Literal["killed", "frozen"]

WRITERS = 3
PAUSE_S = 0.3
COMMANDS_BEFORE = 20
RECOVERY_LIMIT_S = 120.0
# Of a command; a query has less.
ANSWER_LIMIT_S = 15.0
SLACK_S = 5.0  # two cores carry several deployments
PATIENCE_S = 300.0  # of the clients: longer than any outage and what comes after it


@dataclass
class Outage:
    """What was seen, by who answered. ``began`` and ``ended`` are monotonic times."""

    commands: Watched = field(default_factory=Watched)
    queries: Watched = field(default_factory=Watched)
    commands_ready: Watched = field(default_factory=Watched)
    queries_ready: Watched = field(default_factory=Watched)
    projector_ready: Watched = field(default_factory=Watched)
    began: float = 0.0
    ended: float = 0.0

    def during(self, watched: Watched, after_s: float = 0.0) -> list[Seen]:
        """What was asked and answered in the outage, not before it had lasted ``after_s``."""
        end = self.ended or time.monotonic()
        return [seen for seen in watched.seen if self.began + after_s <= seen.at - seen.seconds and seen.at < end]

    def each(self) -> tuple[Watched, ...]:
        return self.commands, self.queries, self.commands_ready, self.queries_ready, self.projector_ready

    def all(self) -> list[Seen]:
        return [seen for watched in self.each() for seen in watched.seen]


def reachable(url: str, **headers: str) -> bool:
    """Whether it answers with success now."""
    try:
        return httpx.get(url, headers=headers, timeout=5).is_success
    except httpx.TransportError:
        return False


@contextmanager
def running(folder: Path, log: Log) -> Iterator[tuple[Deployment, str]]:
    """A deployment and the URL of its query API."""
    with deployed(folder, log) as deployment:
        port = free_port()
        queries = Service("queries", deployment.running, folder / "queries.log", port=str(port))
        queries.start()
        try:
            url = f"http://127.0.0.1:{port}"
            deployment.wait(lambda: reachable(f"{url}/readyz"), "the query API is not ready")
            yield deployment, url
            deployment.keep()
            queries.keep()
            for service in (deployment.commands, deployment.projector, queries):
                assert not service.ended, f"ended by itself: {service.said()}"
        finally:
            queries.stop()


def outage(
    deployment: Deployment,
    queries_url: str,
    down: Callable[[], None],
    up: Callable[[], None],
    seconds: float,
    shows: Callable[[Outage], bool] = lambda _: True,
) -> Outage:
    """Take something away under load, for so long after it ``shows``, and wait until all is well again."""
    with loaded(deployment, queries_url) as found:
        _await("the load has begun", lambda: len(found.commands.receipts) > COMMANDS_BEFORE and _well(found, 0.0))
        down()
        found.began = time.monotonic()
        _await("it shows", lambda: shows(found))
        time.sleep(seconds)
        found.ended = time.monotonic()
        up()
        _await("all is well again", lambda: _well(found, found.ended))
    return found


def assert_nothing_lost(deployment: Deployment, found: Outage) -> None:
    """Every command that was answered is in the log once, and in the rows. Stops the deployment's processes."""
    deployment.commands.stop()
    deployment.projector.stop()
    ledger = deployment.running
    assert find(partitions(ledger.settings), found.commands.receipts).commands >= len(found.commands.receipts)
    assert ledger.digest() == ledger.rebuilt_digest()


def assert_unavailable(answers: list[Seen], *codes: str) -> None:
    """All are clear about it, and say when to come back."""
    assert answers
    for seen in answers:
        assert (seen.status, seen.body.get("retryable", True)) == (503, True), seen
        assert int(seen.headers["Retry-After"]) >= 1
        assert not codes or seen.body["code"] in codes, seen


def assert_in_time(found: Outage) -> None:
    """Every request was answered, and within the limits."""
    assert {seen.status for seen in found.all()} <= {200, 201, 503}
    assert max(seen.seconds for seen in found.all()) < ANSWER_LIMIT_S + SLACK_S


@contextmanager
def loaded(deployment: Deployment, queries_url: str) -> Iterator[Outage]:
    """A load, in a thread of its own, while the block runs; every command that was sent is done in the end."""
    key = deployment.running.tenant_key("shop")
    deployment.wait(lambda: reachable(f"{queries_url}/v1/customers", Authorization=f"Bearer {key}"), "the key is not known")
    found, stop = Outage(), Event()
    with ThreadPoolExecutor(1) as thread:
        loading = thread.submit(asyncio.run, _load(found, deployment, queries_url, key, stop))
        try:
            yield found
        finally:
            stop.set()
            loading.result()


async def _load(found: Outage, deployment: Deployment, queries_url: str, key: str, stop: Event) -> None:
    commands_url = deployment.running.url
    async with LedgerClient(commands_url, key) as client:
        await open_shop(client)
    looks = [asyncio.create_task(each) for each in _looks(found, deployment, queries_url, key)]
    async with LedgerClient(commands_url, key, patience_s=PATIENCE_S, transport=found.commands) as client:
        numbers = count()
        await asyncio.gather(*(_write(client, numbers, stop) for _ in range(WRITERS)))
    for task in looks:
        task.cancel()


def ways(folder: Path, deployment: Deployment, server: Server, how: How) -> tuple[Callable[[], None], Callable[[], None]]:
    """How a server goes away, and comes back."""
    if how == "killed":
        part = deployment.parts[server]
        return part.kill, part.start
    return lambda: _signal(_processes(folder, server), signal.SIGSTOP), lambda: _signal(
        _processes(folder, server), signal.SIGCONT
    )


def _processes(folder: Path, server: Server) -> list[psutil.Process]:
    if server == "broker":
        mine = psutil.Process(os.getpid()).children(recursive=True)
        return [each for each in mine if str(folder / "kafka" / "server.properties") in _command_line(each)]
    postmaster = psutil.Process(int((folder / "postgres" / "data" / "postmaster.pid").read_text().split()[0]))
    return [postmaster, *postmaster.children(recursive=True)]


def _command_line(process: psutil.Process) -> list[str]:
    try:
        found: list[str] = process.cmdline()
    except psutil.NoSuchProcess:  # it has just ended
        return []
    return found


def _signal(processes: list[psutil.Process], number: signal.Signals) -> None:
    """Frozen, a server keeps its connections and answers nothing: like a network that drops all, or a disk that hangs."""
    assert processes
    for process in processes:
        with suppress(psutil.NoSuchProcess):  # a worker that had just ended
            process.send_signal(number)


async def _write(client: LedgerClient, numbers: Iterator[int], stop: Event) -> None:
    """One customer after the other; none is left half-done."""
    while not stop.is_set():
        await live(client, next(numbers))
        await asyncio.sleep(PAUSE_S)


def _looks(found: Outage, deployment: Deployment, queries_url: str, key: str) -> list[Coroutine[Any, Any, None]]:
    return [
        look(f"{queries_url}/v1/customers?limit=5", key, PAUSE_S, found.queries),
        look(f"{deployment.running.url}/readyz", key, PAUSE_S, found.commands_ready),
        look(f"{queries_url}/readyz", key, PAUSE_S, found.queries_ready),
        look(f"{deployment.projector_url}/readyz", key, PAUSE_S, found.projector_ready),
    ]


def _well(found: Outage, since: float) -> bool:
    """Whether each has been answered with success, in full, since then; the rows no longer stale."""
    latest = [
        next((seen for seen in reversed(watched.seen) if seen.at - seen.seconds >= since and seen.status in (200, 201)), None)
        for watched in found.each()
    ]
    return all(seen is not None and "Stale-Since" not in seen.headers for seen in latest)


def _await(what: str, holds: Callable[[], bool]) -> None:
    end = time.monotonic() + RECOVERY_LIMIT_S
    while not holds():
        assert time.monotonic() < end, f"{what}: not within {RECOVERY_LIMIT_S:.0f} s"
        time.sleep(0.1)
