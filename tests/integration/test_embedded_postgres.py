"""The server in a folder: starts, keeps its data, refuses a second user, and starts again after its owner was killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from threading import Event, Thread

import psycopg
import pytest

from infra.postgres.embedded import EmbeddedPostgresError, _Kept, embedded_postgres, running_postgres
from tests.integration.kafka.support import until

pytestmark = pytest.mark.slow

pytestmark = pytest.mark.postgres


def value_of(dsn: str, statement: str) -> object:
    with psycopg.connect(dsn) as connection:
        row = connection.execute(statement).fetchone()
    assert row is not None
    return row[0]


def test_a_restart_finds_the_data_and_the_stopped_server_is_gone(tmp_path: Path) -> None:
    # given a server with a row, stopped
    with embedded_postgres(tmp_path / "pg") as dsn:
        with psycopg.connect(dsn) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 7 AS n")
        with pytest.raises(EmbeddedPostgresError, match="in use"), embedded_postgres(tmp_path / "pg"):
            pytest.fail("a folder has one user at a time")
        # which others may find
        assert running_postgres(tmp_path / "pg") == dsn
    assert running_postgres(tmp_path / "pg") is None
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(dsn)
    # when it is started again
    with embedded_postgres(tmp_path / "pg") as dsn:
        # then the row is there, and the user is the superuser of a PostgreSQL 18 that sorts by code points
        assert value_of(dsn, "SELECT n FROM kept") == 7
        assert value_of(dsn, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is True
        assert str(value_of(dsn, "SHOW server_version")).startswith("18")
        assert value_of(dsn, "SELECT datlocale FROM pg_database WHERE datname = 'postgres'") == "C.UTF-8"


def test_the_server_of_a_killed_owner_is_replaced(tmp_path: Path) -> None:
    # given an owner killed with its server up
    code = (
        "import sys, time; from pathlib import Path; from infra.postgres.embedded import embedded_postgres\n"
        "with embedded_postgres(Path(sys.argv[1])) as dsn: print(dsn, flush=True); time.sleep(600)"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    owner = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "pg")], stdout=subprocess.PIPE, text=True, env=environment
    )
    assert owner.stdout is not None
    with owner.stdout as said:
        orphan_dsn = said.readline().strip()
        owner.send_signal(signal.SIGKILL)
        owner.wait()
    orphan = value_of(orphan_dsn, "SELECT pg_postmaster_start_time()")
    assert running_postgres(tmp_path / "pg") is None, "nobody's"
    # when the folder is opened again
    with embedded_postgres(tmp_path / "pg") as dsn:
        # then another server serves it
        assert value_of(dsn, "SELECT pg_postmaster_start_time()") != orphan


def test_a_server_that_ends_by_itself_is_started_again(tmp_path: Path) -> None:
    # given a server with a row on the disk
    with embedded_postgres(tmp_path / "pg") as dsn:
        with psycopg.connect(dsn) as connection:
            connection.execute("SET synchronous_commit = on")
            connection.execute("CREATE TABLE kept AS SELECT 7 AS n")
        # when it is killed
        first = int((tmp_path / "pg" / "data" / "postmaster.pid").read_text().split()[0])
        os.kill(first, signal.SIGKILL)
        # then another one serves the same, at the same place
        until(lambda: answers(dsn, "SELECT n FROM kept"), limit_s=60)
    # and it ends with the block
    assert not (tmp_path / "pg" / "data" / "postmaster.pid").exists()


def answers(dsn: str, statement: str) -> bool:
    try:
        value_of(dsn, statement)
    except psycopg.OperationalError:
        return False
    return True


def test_a_pid_file_left_by_a_crash_does_not_hinder(tmp_path: Path) -> None:
    # given a folder whose pid file names a process that is not a server
    with embedded_postgres(tmp_path / "pg"):
        pid_file = tmp_path / "pg" / "data" / "postmaster.pid"
        text = pid_file.read_text()
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    pid_file.write_text(str(gone.pid) + "\n" + text.split("\n", 1)[1])
    pid_file.chmod(0o644)
    # when it is opened again, then it serves
    with embedded_postgres(tmp_path / "pg") as dsn:
        assert value_of(dsn, "SELECT 1") == 1


def test_a_long_path_gets_a_short_socket(tmp_path: Path) -> None:
    # given a folder whose path is longer than a socket's may be
    folder = tmp_path / ("long" * 20) / ("path" * 10)
    # when the server starts, then it can be reached
    with embedded_postgres(folder) as dsn:
        assert value_of(dsn, "SELECT 1") == 1


def test_a_server_that_cannot_start_shows_why(tmp_path: Path) -> None:
    # given a cluster with a broken configuration
    with embedded_postgres(tmp_path / "pg"):
        pass
    with (tmp_path / "pg" / "data" / "postgresql.conf").open("a") as settings:
        settings.write("\nno_such_setting = 1\n")
    # when it is started, then the error carries the server's own words
    with pytest.raises(EmbeddedPostgresError, match="no_such_setting"), embedded_postgres(tmp_path / "pg"):
        pytest.fail("it must not come up")


def test_a_server_started_again_while_it_is_stopped_is_stopped_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.postgres.embedded._RESTART_PAUSE_S", 0.0)
    started: list[subprocess.Popen[bytes]] = []
    again, stopping = Event(), Event()

    def launch() -> subprocess.Popen[bytes]:
        if started:  # the second is on its way when somebody looks at the first for the last time
            again.set()
            stopping.wait(10)
        # Where the tests run the signal that stops it may be ignored, and what they start would ignore it, too.
        heeding = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
        started.append(subprocess.Popen(["sleep", "60"], preexec_fn=heeding))
        return started[-1]

    server = _Kept(launch)
    server.keep()
    started[0].kill()
    assert again.wait(10)
    stopper = Thread(target=server.stop)
    stopper.start()
    until(server._stopping.is_set)
    stopping.set()
    stopper.join(10)
    assert not stopper.is_alive()
    assert [process.poll() is not None for process in started] == [True, True]
