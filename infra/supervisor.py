"""`subledger run`: Postgres, the origin (both APIs) and the projector as one process tree, which ends together.

The origin and the projector are children. One that dies is started again; one that cannot start ends the run with its last words.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from infra.settings import Settings, variable

QUICK_DEATH_S = 5.0
QUICK_DEATHS_MAX = 3
STOP_LIMIT_S = 20.0


class ChildDied(RuntimeError):
    """A child process cannot be kept running; the message ends with the last line it wrote."""


@dataclass
class Child:
    """One supervised process; its output goes to a file in the state folder."""

    name: str
    environment: dict[str, str]
    output: Path
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    quick_deaths: int = field(default=0)

    def start(self) -> None:
        self.output.parent.mkdir(parents=True, exist_ok=True)
        with self.output.open("ab") as output:
            # The child ends when our end of its standard input closes: were we killed, nothing would be left behind. A session of
            # its own keeps the terminal's Ctrl-C from it: we tell it when to stop.
            self.process = subprocess.Popen(
                [sys.executable, "-m", "infra.child", self.name],
                env=self.environment,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self.started_at = time.monotonic()

    def check(self) -> None:
        """Start it again if it died; raises ChildDied where that does not help."""
        assert self.process is not None
        status = self.process.poll()
        if status is None:
            return
        quick = time.monotonic() - self.started_at < QUICK_DEATH_S
        self.quick_deaths = self.quick_deaths + 1 if quick else 0
        if self.quick_deaths >= QUICK_DEATHS_MAX or status == os.EX_CONFIG:
            raise ChildDied(f"{self.name} ended with status {status}: {last_line(self.output)} (see {self.output})")
        self.start()

    def stop(self) -> None:
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def last_line(path: Path) -> str:
    """The last line that is not empty of a file, or nothing."""
    lines = [line for line in path.read_text(errors="replace").splitlines() if line.strip()] if path.exists() else []
    return lines[-1][:500] if lines else ""


class Supervisor:
    """Runs the origin and the projector on a database that is up."""

    def __init__(self, settings: Settings, admin_dsn: str) -> None:
        environment = os.environ | _as_environment(settings) | {variable("postgres_dsn"): admin_dsn}
        logs = settings.state / "logs"
        ports = {"origin": settings.port, "projector": settings.projector_port}
        self.children = [
            Child(name, environment | {variable("port"): str(port)}, logs / f"{name}.log") for name, port in ports.items()
        ]

    def start(self) -> None:
        for child in self.children:
            child.start()

    def check(self) -> None:
        for child in self.children:
            child.check()

    def stop(self) -> None:
        """Origin first: what it commits on its way out the projector may still take in; the next start takes in the rest."""
        for child in self.children:
            child.stop()

    def wait(self, ready: Callable[[], bool], limit_s: float = 120.0) -> None:
        """Until ``ready``; raises ChildDied, or TimeoutError."""
        end = time.monotonic() + limit_s
        while not ready():
            self.check()
            if time.monotonic() > end:
                raise TimeoutError(f"not ready after {limit_s:.0f} s")
            time.sleep(0.05)


def _as_environment(settings: Settings) -> dict[str, str]:
    """The settings that a child must share whatever our own environment says."""
    return {
        variable("state"): str(settings.state.resolve()),
        variable("host"): settings.host,
        variable("log_format"): "json",
    }
