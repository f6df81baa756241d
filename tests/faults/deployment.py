"""A deployment as operators run it, a process each: command node, projector, Postgres and, with Kafka, a broker of its own.

Each part can be killed (-9) and started again, and comes back where the others look for it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Literal, Protocol

import psutil

from infra.embedded import ready
from infra.eventlog import topics
from infra.postgres.embedded import embedded_postgres
from infra.settings import variable
from tests.e2e.running import SECRETS, Running, configured, free_port
from tests.kafka_broker.local import dies_with_its_parent, free_ports, local_broker

ENVIRONMENT = "faults"
PARTITIONS = 12
READY_LIMIT_S = 300.0
STOP_LIMIT_S = 60.0
SAID_MAX = 4000  # characters

Log = Literal["embedded", "kafka"]


class Part(Protocol):
    """One of the deployment's processes."""

    def start(self) -> None: ...

    def kill(self) -> None:
        """SIGKILL. A server's children are killed with it; those of the ledger's processes have to see by themselves."""
        ...

    def stop(self) -> None:
        """End it in good order, where it runs."""
        ...


def process_environment(running: Running) -> dict[str, str]:
    """The variables of a process of the ledger."""
    return {**os.environ, variable("log_format"): "json", **running.environment}


class Service:
    """``subledger <command>``; its output goes to a file. ``ended`` counts how often it ended by itself."""

    def __init__(self, command: str, running: Running, output: Path, enter: Sequence[str] = (), **given: str) -> None:
        """``given`` are settings beside those of ``running``; ``enter`` is what the command begins with."""
        self.ended = 0
        self._command = [*enter, *dies_with_its_parent(), sys.executable, "-m", "infra.cli", command]
        own = {variable(name): value for name, value in given.items()}
        self._environment = process_environment(running) | own
        self._output = output
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._output.open("ab") as output:
            self._process = subprocess.Popen(
                self._command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def keep(self) -> None:
        """Start it again if it ended by itself, as a service manager does."""
        if self._process is not None and self._process.poll() is not None:
            self.ended += 1
            self.start()

    def said(self) -> str:
        """The end of its output."""
        return self._output.read_text(errors="replace")[-SAID_MAX:]

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def kill_child(self) -> None:
        """SIGKILL for the process's only child."""
        _kill([self.child()])

    def child(self) -> psutil.Process:
        """The process's only child."""
        (child,) = self.process().children()
        return child

    def process(self) -> psutil.Process:
        """The process itself, which runs."""
        assert self._process is not None
        return psutil.Process(self._process.pid)

    def wait(self, limit_s: float = STOP_LIMIT_S) -> int:
        """Until it has ended by itself; gives the exit code. Raises TimeoutExpired."""
        assert self._process is not None
        return self._process.wait(limit_s)

    def stop(self) -> None:
        self.terminate()

    def terminate(self, limit_s: float = STOP_LIMIT_S) -> int | None:
        """SIGTERM; gives the exit code, or None where it was not running. Raises TimeoutExpired."""
        process, self._process = self._process, None
        if process is None:
            return None
        process.send_signal(signal.SIGTERM)
        try:
            return process.wait(limit_s)
        finally:
            process.kill()
            process.wait()


class Postgres:
    """The embedded server in a folder. The folder's path must be short, so that its socket has the same place again."""

    dsn = ""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running = ExitStack()

    def start(self) -> None:
        dsn = self._running.enter_context(embedded_postgres(self._folder))
        assert self.dsn in ("", dsn)
        self.dsn = dsn

    def kill(self) -> None:
        postmaster = psutil.Process(int((self._folder / "data" / "postmaster.pid").read_text().split()[0]))
        _kill([postmaster, *postmaster.children(recursive=True)])
        self.stop()

    def stop(self) -> None:
        self._running.close()


class Broker:
    """A broker with ports of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ports = free_ports()
        self._running = ExitStack()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._ports[0]}"

    def start(self) -> None:
        self._running.enter_context(local_broker(self._folder, self._ports))

    def kill(self) -> None:
        _kill([psutil.Process(int((self._folder / "broker.pid").read_text()))])
        self.stop()

    def stop(self) -> None:
        self._running.close()


def _kill(processes: list[psutil.Process]) -> None:
    assert processes, "there is nothing to kill"
    for process in processes:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue  # a child that went with its parent
    _, alive = psutil.wait_procs(processes, timeout=10)
    assert not alive


class Deployment:
    """``parts`` by name, in the order in which they start; ``running`` says where the ledger is found."""

    def __init__(self, folder: Path, log: Log, stack: ExitStack) -> None:
        """Start all parts; ``stack`` stops them, the last one first."""
        self.parts: dict[str, Part] = {}
        self._stack = stack
        given = {}
        if log == "kafka":
            broker = Broker(folder / "kafka")
            self._start("broker", broker)
            topics.create(broker.address, ENVIRONMENT, PARTITIONS, 1, 1)
            given = {"kafka_bootstrap": broker.address}
        postgres = Postgres(folder / "postgres")
        self._start("postgres", postgres)
        self.running = configured(folder / "state", postgres.dsn, environment=ENVIRONMENT, **given, **SECRETS)
        self.commands = Service("commands", self.running, folder / "commands.log")
        port = free_port()
        self.projector = Service("project", self.running, folder / "projector.log", port=str(port))
        self.projector_url = f"http://127.0.0.1:{port}"
        self._start("commands", self.commands)
        self._start("projector", self.projector)

    def _start(self, name: str, part: Part) -> None:
        self.parts[name] = part
        self._stack.callback(part.stop)
        part.start()

    def subledger(self, *arguments: str) -> Any:
        """What a command of the command line says in JSON; raises CalledProcessError where it does not exit with 0."""
        command = [sys.executable, "-m", "infra.cli", *arguments, "--json"]
        return json.loads(
            subprocess.run(command, env=process_environment(self.running), stdout=subprocess.PIPE, check=True).stdout
        )

    def keep(self) -> None:
        """Start again what ended by itself."""
        self.commands.keep()
        self.projector.keep()

    def wait_ready(self) -> None:
        """Until the command node serves."""
        self.wait(lambda: ready(self.running.settings), "the command node is not ready")

    def wait(self, holds: Callable[[], bool], otherwise: str, limit_s: float = READY_LIMIT_S) -> None:
        """Until ``holds``; what ends by itself meanwhile is started again. Raises TimeoutError."""
        end = time.monotonic() + limit_s
        while not holds():
            self.keep()
            if time.monotonic() > end:
                raise TimeoutError(f"{otherwise}, after {limit_s:.0f} s")
            time.sleep(0.05)


@contextmanager
def deployed(folder: Path, log: Log) -> Iterator[Deployment]:
    """A deployment that serves; ended with the block. ``folder`` is one with a short path."""
    with ExitStack() as stack:
        deployment = Deployment(folder, log, stack)
        deployment.wait_ready()
        yield deployment
