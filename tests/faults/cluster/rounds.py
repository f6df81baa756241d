"""A round: a ledger of its own on the cluster, under load and under faults; healed, at rest, judged."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import httpx
import psycopg
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from psycopg import sql
from psycopg.conninfo import make_conninfo

from infra.eventlog import topics
from tests.checker import files, logs
from tests.faults.cluster.brokers import BROKERS, Broker, brokers
from tests.faults.cluster.caller import TENANT, Caller, Command, Recorder
from tests.faults.cluster.faults import FAULTS, FAULTS_OF_HOSTS, Site
from tests.faults.cluster.lives import CATALOG
from tests.faults.cluster.nemesis import torment
from tests.faults.cluster.network import Host, Network, network
from tests.faults.cluster.nodes import Ledger
from tests.faults.cluster.schedule import Planned, schedule
from tests.faults.cluster.verdict import await_all, await_recovery, judge
from tests.faults.cluster.workload import Workload
from tests.faults.deployment import Postgres

PARTITIONS = 6
CLIENTS = 12
NODES, PROJECTORS = 3, 2
OK = "ok"
BALLAST = shutil.ignore_patterns("ballast")

Told = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Round:
    """What a round came to. ``acknowledged``: commands that were answered with success; ``unknown``: requests without an answer;
    ``ended``: how often a process ended by itself. ``verdict`` says what was wrong, or ``ok``.
    """

    seed: int
    seconds: float
    faults: str
    commands: int
    acknowledged: int
    unknown: int
    takeovers: int
    ended: int
    verdict: str


@dataclass(frozen=True)
class Cluster:
    """What the rounds share."""

    network: Network
    brokers: list[Broker]
    postgres: Postgres
    hosts: dict[str, Host]

    @property
    def bootstrap(self) -> str:
        return ",".join(broker.address for broker in self.brokers)


@contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    """Three brokers and Postgres, for the block. ``folder`` is one with a short path."""
    postgres = Postgres(folder / "postgres")
    with network() as net, brokers(net, folder) as three, ExitStack() as stack:
        names = [f"node-{n + 1}" for n in range(NODES)] + [f"projector-{n + 1}" for n in range(PROJECTORS)] + ["queries"]
        hosts = {name: net.host(name) for name in names}
        stack.callback(postgres.stop)
        postgres.start()
        yield Cluster(net, three, postgres, hosts)


def plan(cluster: Cluster, seed: int, seconds: float) -> list[Planned]:
    """What goes wrong in the round with this seed."""
    faults = FAULTS | (FAULTS_OF_HOSTS if cluster.network.can_cut else {})
    roles = {"node": NODES, "broker": BROKERS, "projector": PROJECTORS}
    hosts = {role: [f"{role}-{number + 1}" for number in range(count)] for role, count in roles.items()}
    return schedule(seed, seconds, {name: kind for name, (kind, _) in faults.items()}, hosts | {"postgres": ["postgres"]})


def run(cluster: Cluster, seed: int, seconds: float, folder: Path, told: Told) -> Round:
    """One round. ``folder`` is gone after one that is well, and holds everything of one that is not."""
    planned = plan(cluster, seed, seconds)
    folder.mkdir(parents=True)
    (folder / "schedule").write_text("".join(f"{each}\n" for each in planned))
    counts: Mapping[str, int] = {}
    verdict = OK
    with ExitStack() as stack:
        recorder = Recorder(folder / files.CALLS)
        stack.callback(recorder.close)
        ledger = _ledger(cluster, f"r{seed}-{time.time_ns() // 10**9 % 10**6}", folder, stack)
        try:
            counts = _round(cluster, ledger, planned, seed, seconds, recorder, told)
        except Exception as error:  # anything that is not as it should be is the verdict
            verdict = f"{type(error).__name__}: {error}"
            _keep(ledger, folder, verdict)
        ended = sum(service.ended for service in ledger.services)
    if verdict == OK:
        shutil.rmtree(folder)
    faults = Counter(each.fault for each in planned)
    return Round(
        seed, seconds, "; ".join(f"{name} x{n}" if n > 1 else name for name, n in sorted(faults.items())),
        counts.get("commands", 0), len(recorder.acknowledged), recorder.unknown, counts.get("claims", 0), ended, verdict,
    )  # fmt: skip


def _round(
    cluster: Cluster, ledger: Ledger, planned: list[Planned], seed: int, seconds: float, recorder: Recorder, told: Told
) -> Mapping[str, int]:
    told("starting")
    ledger.start()
    await_recovery(ledger)
    key = asyncio.run(_open_shop(ledger, recorder))
    nodes = [node.running.url for node in ledger.nodes]
    places = [*(f"{url}/v1/test-clocks" for url in nodes), f"{ledger.queries_url}/v1/customers"]
    await_all(ledger, lambda: [place for place in places if not _answers(place, key)], "do not know the key")
    workload = Workload(nodes, ledger.queries_url, key, recorder, seed, CLIENTS)
    workload.start()
    try:
        torment(Site(cluster.network, cluster.brokers, cluster.postgres, ledger), planned, seconds, told)
        told("healed")
        await_recovery(ledger)
    finally:
        workload.stop.set()
    workload.end()
    told("judging")
    return judge(ledger, recorder.path.parent)


def _keep(ledger: Ledger, folder: Path, verdict: str) -> None:
    """What would be gone with the round: the log, and what lies on small disks."""
    (folder / "verdict").write_text(verdict)
    for node in ledger.nodes:
        shutil.copytree(node.running.settings.state, folder / f"{node.host.name}-state", ignore=BALLAST)
    settings = ledger.running.settings
    assert settings.kafka_bootstrap is not None
    with suppress(KafkaException, TimeoutError):  # the brokers may be what is wrong
        files.save_records(logs.from_kafka(settings.kafka_bootstrap, settings.environment), folder)


async def _open_shop(ledger: Ledger, recorder: Recorder) -> str:
    """Make the tenant and what it sells; gives its key."""
    nodes = [node.running.url for node in ledger.nodes]
    async with httpx.AsyncClient(trust_env=False) as http:
        admin = Caller("admin", http, nodes, ledger.queries_url, ledger.running.admin_key, recorder, Random(0))
        asked = {"x-tn": TENANT, "ledger-reason": "test"}

        async def made(path: str, body: dict[str, Any]) -> Any:
            call = await admin.send(Command(f"/v1/{path}", body, f"{path}-{body.get('id')}", asked))
            assert call.status == 201, call.answer
            return call.answer

        await made("tenants", {"id": TENANT, "name": "Acme"})
        key = await made("api-keys", {"name": "test", "permissions": ["read", "write", "backdate"]})
        for path, item in CATALOG:
            await made(path, item)
    return str(key["key"])


def _answers(url: str, key: str) -> bool:
    try:
        return httpx.get(url, headers={"Authorization": f"Bearer {key}"}, trust_env=False, timeout=5).is_success
    except httpx.TransportError:
        return False


def _ledger(cluster: Cluster, environment: str, folder: Path, stack: ExitStack) -> Ledger:
    """Topics, a database and a provider of its own; the topics and the database are gone with the stack."""
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap})
    names = topics.Names(environment)
    topics.create(cluster.bootstrap, environment, PARTITIONS, 3, 2)
    stack.callback(lambda: admin.delete_topics([names.events, names.catalog, names.keys]))
    database = sql.Identifier(environment)
    with psycopg.connect(cluster.postgres.dsn, autocommit=True) as server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(database))
    given = {
        "environment": environment,
        "kafka_bootstrap": cluster.bootstrap,
        "replication_factor": "3",
        "min_insync": "2",
        "simulator_book": str(folder / files.BOOK),
    }
    return Ledger(cluster.network, cluster.hosts, folder, make_conninfo(cluster.postgres.dsn, dbname=environment), given, stack)
