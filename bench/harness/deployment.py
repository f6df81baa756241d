"""A ledger as a user deploys it: `subledger commands`, `queries` and `project`, a process each, on Kafka or the embedded log."""

from __future__ import annotations

import os
import secrets
import socket
import sys
import time
import uuid
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import httpx
import psutil
from confluent_kafka.admin import AdminClient
from pydantic import SecretStr

from infra.eventlog.topics import Names
from infra.postgres.embedded import embedded_postgres
from infra.postgres.roles import projector_dsn
from infra.settings import Settings, load_settings, variable
from infra.supervisor import last_line

ROOT = Path(__file__).parents[2]
START_LIMIT_S = 60.0
STOP_LIMIT_S = 30.0


class NotStarted(Exception):
    """A process did not come up; the message ends with the last line it wrote."""


@dataclass(frozen=True, slots=True)
class Service:
    """A running process that answers HTTP at ``url``; what it writes goes to the file ``output``."""

    name: str
    url: str
    process: psutil.Popen
    output: Path


@dataclass(frozen=True, slots=True)
class Deployment:
    """``queries``, ``projector`` and ``dsn`` (the projector's role) are there where the read side was asked for."""

    settings: Settings
    environment: Mapping[str, str]
    commands: Service
    queries: Service | None = None
    projector: Service | None = None
    dsn: str = ""


@contextmanager
def deployed(folder: Path, bootstrap: str | None = None, *, read_side: bool = False, **more: str) -> Iterator[Deployment]:
    """A new ledger with its state in ``folder``, up and ready, ``more`` being further settings; on Kafka where ``bootstrap``
    names brokers, whose topics are deleted at the end.
    """
    with ExitStack() as stack:
        settings, environment = stack.enter_context(provided(folder, bootstrap, **more))
        dsn = ""
        if read_side:
            dsn = stack.enter_context(embedded_postgres(folder / "postgres"))
            environment = {**environment, variable("postgres_dsn"): dsn}
            settings = settings.model_copy(update={"postgres_dsn": SecretStr(dsn)})
        commands = stack.enter_context(subledger("commands", environment, folder))
        if not read_side:
            yield Deployment(settings, environment, commands)
            return
        projector = stack.enter_context(subledger("project", environment, folder, ready="/healthz"))
        queries = stack.enter_context(subledger("queries", environment, folder, ready="/healthz"))
        yield Deployment(settings, environment, commands, queries, projector, projector_dsn(dsn, settings.secret_bytes))


@contextmanager
def provided(folder: Path, bootstrap: str | None, **more: str) -> Iterator[tuple[Settings, Mapping[str, str]]]:
    """What the processes of a new ledger need before they start: the settings, with ``more``, and the same as an environment."""
    folder.mkdir(parents=True)
    given = _given(folder, bootstrap) | more
    settings, environment = load_settings(**given), _variables(given)
    if bootstrap is None:
        yield settings, environment
        return
    with _topics(settings, environment, folder):
        yield settings, environment


def _given(folder: Path, bootstrap: str | None) -> dict[str, str]:
    given = {
        "environment": f"bench-{uuid.uuid4().hex[:8]}",
        "state": str(folder / "state"),
        "node": "bench",
        "secret": secrets.token_hex(32),
        "master_key": b64encode(secrets.token_bytes(32)).decode(),
        "admin_key": f"admin_{secrets.token_hex(32)}",
        "log_level": "warning",
        "log_format": "json",
    }
    return given if bootstrap is None else {**given, "kafka_bootstrap": bootstrap}


def _variables(given: Mapping[str, str]) -> dict[str, str]:
    """The environment of the ledger's processes: none of the caller's own settings reach them."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(variable(""))}
    return {**kept, **{variable(name): value for name, value in given.items()}, "PYTHONPATH": str(ROOT)}


@contextmanager
def _topics(settings: Settings, environment: Mapping[str, str], folder: Path) -> Iterator[None]:
    with (folder / "topics.out").open("ab") as output:
        command = [sys.executable, "-m", "infra.cli", "topics", "create"]
        psutil.Popen(command, env=environment, stdout=output, stderr=output).wait(START_LIMIT_S)
    try:
        yield
    finally:
        admin, names = AdminClient({**settings.kafka}), Names(settings.environment)
        for deleted in admin.delete_topics([names.events, names.catalog, names.keys]).values():
            deleted.result(STOP_LIMIT_S)


@contextmanager
def subledger(name: str, environment: Mapping[str, str], folder: Path, ready: str = "/readyz") -> Iterator[Service]:
    """One of the ledger's processes, from its first success at the path ``ready`` on until the end of the block."""
    port = free_port()
    with service(
        name, ["-m", "infra.cli", name], {**environment, variable("port"): str(port)}, port, folder / f"{name}.out", ready
    ) as found:
        yield found


@contextmanager
def service(
    name: str, arguments: list[str], environment: Mapping[str, str], port: int, output: Path, ready: str
) -> Iterator[Service]:
    """A Python process, from its first success at the path ``ready`` on until the end of the block; raises NotStarted."""
    with output.open("ab") as out:
        process = psutil.Popen([sys.executable, *arguments], env=environment, stdout=out, stderr=out, start_new_session=True)
    found = Service(name, f"http://127.0.0.1:{port}", process, output)
    try:
        await_condition(lambda: answers(found, ready), f"{name} is not ready: {last_line(output)}")
        yield found
    finally:
        if process.poll() is None:  # else it has ended by itself
            process.terminate()
        try:
            process.wait(STOP_LIMIT_S)
        except psutil.TimeoutExpired:
            process.kill()
            process.wait()


def answers(found: Service, path: str) -> bool:
    """Whether it answers with success now; raises NotStarted where it has ended."""
    if found.process.poll() is not None:
        raise NotStarted(f"{found.name} ended: {last_line(found.output)}")
    try:
        return _http().get(found.url + path).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


@cache
def _http() -> httpx.Client:
    """One for all questions: to make one takes more of the machine than to ask."""
    return httpx.Client(timeout=2, trust_env=False)


def await_condition(holds: Callable[[], bool], otherwise: str, limit_s: float = START_LIMIT_S) -> None:
    """Wait until something holds; raises NotStarted with ``otherwise``."""
    deadline = time.monotonic() + limit_s
    while not holds():
        if time.monotonic() > deadline:
            raise NotStarted(otherwise)
        time.sleep(0.05)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
