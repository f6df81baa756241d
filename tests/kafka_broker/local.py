"""A broker as a child process, from Apache Kafka's Maven artifacts and the local Java (17 or newer)."""

from __future__ import annotations

import base64
import fcntl
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from tests.kafka_broker.settings import broker_settings

_POM = Path(__file__).with_name("pom.xml")
_START_LIMIT_S = 120.0
_STOP_LIMIT_S = 20.0
_LOGGING = (
    '<Configuration><Appenders><Console name="c"><PatternLayout pattern="%d %p %m%n"/></Console></Appenders>'
    '<Loggers><Root level="warn"><AppenderRef ref="c"/></Root></Loggers></Configuration>'
)


class BrokerError(RuntimeError):
    """No broker could be had; the message says in one line what is missing or went wrong."""


@contextmanager
def local_broker(folder: Path, ports: tuple[int, int] | None = None) -> Iterator[str]:
    """Run a broker with its data in ``folder`` while the block runs; gives its address. Its output is in ``folder/broker.log``,
    its process id in ``folder/broker.pid``.

    ``ports`` are its own and its controller's: one that is to come back where its clients look for it needs the same again.
    Raises BrokerError where Java or Maven is missing, or the broker does not come up.
    """
    port, controller_port = ports or free_ports()
    settings = broker_settings(port, controller_port, str(folder / "data"))
    # Nothing outside this machine has a business with it.
    settings["listeners"] = f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}"
    settings["controller.quorum.voters"] = f"1@127.0.0.1:{controller_port}"
    broker = launch(folder, settings, new_cluster_id())
    try:
        await_port(broker, "127.0.0.1", port, folder / "broker.log")
        yield f"127.0.0.1:{port}"
    finally:
        stop(broker)


def launch(
    folder: Path, settings: Mapping[str, str], cluster_id: str, enter: Sequence[str] = (), jvm: Sequence[str] = ()
) -> subprocess.Popen[bytes]:
    """Start a broker with these settings; a new ``folder`` becomes one of the cluster. ``enter`` is what its command begins with,
    ``jvm`` options of Java's beside its own.

    Raises BrokerError where Java or Maven is missing.
    """
    java, jars = _java(), _jars()
    folder.mkdir(parents=True, exist_ok=True)
    properties = folder / "server.properties"
    properties.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    (folder / "log4j2.xml").write_text(_LOGGING)
    run = [java, f"-Dlog4j2.configurationFile={folder / 'log4j2.xml'}", "-Xms128m", "-Xmx512m", *jvm, "-cp", f"{jars}/*"]
    if not (folder / "data").exists():
        _format(run, properties, cluster_id)
    with (folder / "broker.log").open("ab") as log:
        broker = subprocess.Popen(
            [*enter, *dies_with_its_parent(), *run, "kafka.Kafka", str(properties)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    (folder / "broker.pid").write_text(str(broker.pid))
    return broker


def _java() -> str:
    java = shutil.which("java")
    if java is None:
        raise BrokerError("no Java found: apt-get install openjdk-17-jre-headless maven")
    told = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(\d+)', told)
    if found is None or int(found[1]) < 17:
        raise BrokerError(f"Java 17 or newer is needed, found {told.splitlines()[:1]}: apt-get install openjdk-17-jre-headless")
    return java


def _jars() -> Path:
    """Kafka's jars, fetched once and kept in the user's cache; a changed pom.xml means another folder."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "subledger"
    jars = cache / f"kafka-{sha256(_POM.read_bytes()).hexdigest()[:12]}"
    if jars.exists():
        return jars
    maven = shutil.which("mvn")
    if maven is None:
        raise BrokerError("no Maven found to fetch Apache Kafka with: apt-get install maven")
    cache.mkdir(parents=True, exist_ok=True)
    # One run fetches, and what begins beside it waits.
    with (cache / "kafka.lock").open("w") as lock, tempfile.TemporaryDirectory(dir=cache) as draft:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if jars.exists():
            return jars
        fetch = ["-q", "-B", "-f", str(_POM), "dependency:copy-dependencies", "-DincludeScope=runtime"]
        done = subprocess.run(
            [maven, *fetch, f"-DoutputDirectory={draft}/jars"], capture_output=True, text=True, check=False, cwd=draft
        )
        if done.returncode != 0:
            said = re.sub(r"\x1b\[\d*m", "", done.stdout).strip() or done.stderr.strip()
            raise BrokerError(f"Maven could not fetch Apache Kafka: {said.splitlines()[0][:200]}")
        (Path(draft) / "jars").rename(jars)
    return jars


def free_ports() -> tuple[int, int]:
    """Two ports that nobody listens on."""
    with socket.socket() as one, socket.socket() as two:
        one.bind(("127.0.0.1", 0))
        two.bind(("127.0.0.1", 0))
        return one.getsockname()[1], two.getsockname()[1]


def new_cluster_id() -> str:
    """One that no other cluster has."""
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "A")


def _format(run: list[str], properties: Path, cluster_id: str) -> None:
    tool = [*run, "kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", str(properties)]
    done = subprocess.run(tool, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BrokerError(f"the broker's folder could not be formatted: {(done.stderr or done.stdout).strip()[-400:]}")


def dies_with_its_parent() -> list[str]:
    """What a command begins with so that a killed test run leaves nothing behind. Where the tool is missing, it does."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM", "--"] if setpriv else []


def await_port(broker: subprocess.Popen[bytes], host: str, port: int, log: Path) -> None:
    """Until the broker takes connections. Raises BrokerError."""
    deadline = time.monotonic() + _START_LIMIT_S
    while True:
        try:
            socket.create_connection((host, port), timeout=1).close()
            return
        except OSError:
            code = broker.poll()
            if code is not None or time.monotonic() > deadline:
                end = log.read_text(errors="replace").strip()[-400:]
                raise BrokerError(f"the broker did not start (exit code {code}), see {log}: {end}") from None
            time.sleep(0.1)


def stop(broker: subprocess.Popen[bytes]) -> None:
    """End it in good order, or after ``_STOP_LIMIT_S`` anyhow."""
    if broker.poll() is not None:
        return
    broker.send_signal(signal.SIGTERM)
    try:
        broker.wait(_STOP_LIMIT_S)
    except subprocess.TimeoutExpired:
        broker.kill()
        broker.wait()
