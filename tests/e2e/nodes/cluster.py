"""Command nodes that share one environment on a real broker, a process each."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from commands.api_forward import ledger_mark
from domain.ids import customer_id, partition_of
from infra.embedded import ready
from infra.eventlog import topics
from infra.eventlog.kafka import KafkaLog
from infra.eventlog.reader import Command, Reader
from infra.eventlog.record import CATALOG, Record
from infra.ledger_client import LedgerClient
from tests.e2e.running import SECRETS, Running, configured
from tests.faults.deployment import Service
from tests.integration.kafka.support import until

PARTITIONS = 6
TENANT = "acme"
READY_LIMIT_S = 180.0


@dataclass
class Cluster:
    """``nodes`` and their processes, in the same order; ``headers`` are those of a tenant's key."""

    log: KafkaLog
    nodes: list[Running]
    services: list[Service]
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def mark(self) -> str:
        """What the nodes put into what they send on."""
        return ledger_mark(self.nodes[0].settings.secret_bytes, self.log.identity(CATALOG))

    def owner(self, id: str = "") -> int:
        """Which node owns an id's partition; of no id: the catalog's."""
        partition = partition_of(id, PARTITIONS) if id else CATALOG
        (address,) = (address for address, partitions in self.log.owners().items() if partition in partitions)
        return [node.settings.address for node in self.nodes].index(address)

    def other(self, id: str = "") -> int:
        """A node that does not own it."""
        return (self.owner(id) + 1) % len(self.nodes)

    def request(self, node: int, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """Of one node; underscores in header names stand for hyphens."""
        named = self.headers | {name.replace("_", "-"): value for name, value in headers.items()}
        given = httpx.Headers(list(named.items()), encoding="utf-8")
        return httpx.request(method, f"{self.nodes[node].url}{path}", json=body, headers=given, timeout=60)

    def post(self, node: int, path: str, body: Any, key: str, **headers: str) -> httpx.Response:
        """A command, under a key."""
        return self.request(node, "POST", path, body, Idempotency_Key=key, **headers)

    def records(self, type: str) -> list[Record]:
        """All events of a type that count in the ledger's partitions."""
        names = [str(number) for number in range(PARTITIONS)]
        ends, rules, reader = self.log.ends(names), {name: Reader() for name in names}, self.log.reader(dict.fromkeys(names, 0))
        found: list[Record] = []
        try:
            while any(reader.position(name) < end for name, end in ends.items()):
                for record in reader.poll(0.1):
                    for command in rules[record.partition].feed(record):
                        found += command.records if isinstance(command, Command) else ()
        finally:
            reader.close()
        return [each for each in found if each.attributes["type"] == type]

    def of_customer(self, customer: str, type: str) -> list[Record]:
        """Those of one customer."""
        return [record for record in self.records(type) if record.key == f"{TENANT}/{customer}"]

    def wait_ready(self) -> None:
        """Until every partition is served, by its owner in the group."""
        until(lambda: all(ready(node.settings) for node in self.nodes), limit_s=READY_LIMIT_S)

    def customer_of(self, node: int, prefix: str) -> str:
        """An external id, beginning so, whose customer lives on a node."""
        ids = (f"{prefix}-{number}" for number in range(1000))
        return next(id for id in ids if self.owner(customer(id)) == node)


def customer(external_id: str) -> str:
    """The id that a customer of the storefront ``web`` has."""
    return customer_id(SECRETS["secret"].encode(), TENANT, "web", external_id, "")


@contextmanager
def cluster(bootstrap: str, environment: str, folder: Path, count: int = 2) -> Iterator[Cluster]:
    """Nodes that serve, with a shop; ended with the block."""
    topics.create(bootstrap, environment, PARTITIONS, 1, 1)
    with ExitStack() as stack:
        nodes, services = [], []
        for number in range(count):
            name = f"node-{number}"
            node = configured(
                folder / name, "postgresql://unused", environment=environment, kafka_bootstrap=bootstrap, **SECRETS, node=name
            )
            nodes.append(node)
            services.append(Service("commands", node, folder / f"{name}.log"))
            stack.callback(services[-1].stop)
            services[-1].start()
        found = Cluster(KafkaLog(bootstrap, environment), nodes, services)
        found.wait_ready()
        found.headers = {"Authorization": f"Bearer {nodes[0].tenant_key(TENANT)}"}
        asyncio.run(_open_shop(nodes[-1], found.headers["Authorization"].split()[1]))
        yield found


async def _open_shop(node: Running, key: str) -> None:
    async with LedgerClient(node.url, key) as client:
        await client.post("/v1/storefronts", {"id": "web", "name": "Web"}, "web")
        await client.post("/v1/entitlements", {"id": "hd", "kind": "flag", "name": "HD"}, "hd")
        grants = [{"entitlement": "hd", "value": True}]
        await client.post("/v1/bundles", {"id": "gold", "storefront": "web", "name": "Gold", "grants": grants}, "gold")
        price = {"amount": {"amount": 999, "currency": "EUR"}, "interval": {"unit": "month"}}
        await client.post("/v1/prices", {"id": "monthly", "bundle": "gold", **price}, "monthly")
