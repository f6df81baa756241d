"""The command API over the embedded log, in process: HTTP in, records out."""

from __future__ import annotations

import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from anyio.from_thread import BlockingPortal, start_blocking_portal
from opentelemetry.trace import Tracer
from starlette.types import ASGIApp

from commands.api import ApiSettings, create_command_app
from domain.ids import partition_of
from infra.eventlog.record import Record
from infra.eventlog.sqlite import SqliteLog
from infra.http.requests import Requests
from infra.node.node import Node
from infra.psp.registry import Gateways, open_gateways
from infra.vault import Vault
from tests.window import InThread

ADMIN_KEY = "admin-key-of-the-tests"
PARTITIONS = 2


@dataclass
class Http:
    """Requests to an app in process, from any thread; the app lives in the portal's event loop."""

    app: ASGIApp
    portal: BlockingPortal
    client: httpx.AsyncClient

    def request(self, method: str, path: str, **more: Any) -> httpx.Response:
        return self.portal.call(partial(self.client.request, method, path, **more))

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self.request("GET", path, **more)

    def post(self, path: str, **more: Any) -> httpx.Response:
        return self.request("POST", path, **more)


@contextmanager
def http(app: ASGIApp) -> Iterator[Http]:
    """The app, reachable. Errors that it does not answer are its server's to answer: they come as they are."""
    with start_blocking_portal() as portal:
        client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://ledger")
        try:
            yield Http(app, portal, client)
        finally:
            portal.call(client.aclose)


@dataclass
class Api:
    """One tenant's view of a running command API. ``key`` is the API key it sends; None: none."""

    client: Http
    log: SqliteLog
    tenant: str = ""
    key: str | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def request(self, method: str, path: str, *, key: str | None = None, **more: Any) -> httpx.Response:
        """With ``key`` as Idempotency-Key."""
        headers = {**self.headers, **more.pop("headers", {})}
        if self.key is not None:
            headers.setdefault("Authorization", f"Bearer {self.key}")
        if key is not None:
            headers["Idempotency-Key"] = key
        return self.client.request(method, path, headers=headers, **more)

    def post(self, path: str, body: Any, *, key: str | None = None, **headers: str) -> httpx.Response:
        """A command, with a fresh key where none is given; underscores in header names stand for hyphens."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.request("POST", path, key=key or f"k-{uuid.uuid4()}", json=body, headers=named)

    def done(self, path: str, body: Any, **more: Any) -> dict[str, Any]:
        """The body of a command that must succeed."""
        answer = self.post(path, body, **more)
        assert answer.status_code in (200, 201), answer.text
        found: dict[str, Any] = answer.json()
        return found

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})

    def as_admin(self, tenant: str | None = None) -> Api:
        """The bootstrap admin in this tenant."""
        headers = {"x-tn": tenant or self.tenant, "Ledger-Reason": "a test"}
        return replace(self, tenant=tenant or self.tenant, key=ADMIN_KEY, headers=headers)

    def with_key(self, *permissions: str) -> Api:
        """The same tenant with a new key that has these permissions."""
        issued = self.as_admin().done("/v1/api-keys", {"name": "test", "permissions": permissions})
        return replace(self, key=issued["key"], headers={})

    def new_tenant(self) -> Api:
        """A tenant of its own, with a catalog and a key that may do everything."""
        tenant = f"t{uuid.uuid4().hex[:10]}"
        admin = self.as_admin(tenant)
        admin.done("/v1/tenants", {"id": tenant, "name": "Test"})
        admin.done("/v1/storefronts", {"id": "web", "name": "Web", "retry_after_s": [86400]})
        admin.done("/v1/entitlements", {"id": "hd", "kind": "flag", "name": "HD"})
        grants = [{"entitlement": "hd", "value": True}]
        admin.done("/v1/bundles", {"id": "gold", "storefront": "web", "name": "Gold", "grants": grants})
        money = {"amount": 999, "currency": "EUR"}
        admin.done("/v1/prices", {"id": "monthly", "bundle": "gold", "amount": money, "interval": {"unit": "month"}})
        return admin.with_key("read", "write", "backdate")

    def customer(self, token: str | None = "sim_ok", **body: Any) -> str:
        """Register one; gives the id."""
        method = {"provider": "simulator", "token": token} if token else None
        made = self.done("/v1/customers", {"storefront": "web", "payment_method": method, **body})
        return str(made["id"])

    def subscription(self, customer: str, **body: Any) -> dict[str, Any]:
        """Start one."""
        return self.done("/v1/subscriptions", {"customer": customer, "price": "monthly", **body})

    def records(self, customer: str) -> list[Record]:
        """All that the log holds of a customer, in order."""
        reader = self.log.reader({partition_of(customer, PARTITIONS): 0})
        try:
            found: list[Record] = []
            while records := reader.poll(0):
                found.extend(record for record in records if record.key == f"{self.tenant}/{customer}")
            return found
        finally:
            reader.close()

    def wait_for(self, customer: str, type: str) -> Record:
        """The first record of this type of event, once it is there."""
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            for record in self.records(customer):
                if record.attributes["type"].rpartition(".")[0] == type:
                    return record
            time.sleep(0.01)
        raise AssertionError(f"no {type} in {[record.attributes['type'] for record in self.records(customer)]}")


@contextmanager
def command_api(state: Path, environment: str = "sandbox", tracer: Tracer | None = None) -> Iterator[Api]:
    """A node over the log in a folder, and its API, traced where there is a tracer."""
    log = SqliteLog(state / "log.sqlite", environment, PARTITIONS)
    keys = log.keys()
    vault = Vault(bytes(range(32)), keys)
    try:
        with open_gateways(state / "simulator.sqlite", sandbox=True) as gateways:
            yield from _serve(log, state, environment, vault, gateways, tracer)
    finally:
        keys.close()
        log.close()


def _serve(
    log: SqliteLog, state: Path, environment: str, vault: Vault, gateways: Gateways, tracer: Tracer | None
) -> Iterator[Api]:
    secret = b"secret of the tests"
    clock = partial(datetime.now, UTC)
    node = Node(
        log,
        partial(InThread, log, state / "index", clock),
        vault=vault,
        gateways=gateways,
        secret=secret,
        clock=clock,
        tracer=tracer,
    )
    settings = ApiSettings(environment=environment, secret=secret, admin_key=ADMIN_KEY)
    with http(create_command_app(node, vault, settings, Requests(tracer))) as client:
        client.portal.call(node.start)
        try:
            while client.get("/readyz").status_code != 200:
                pass
            yield Api(client, log)
        finally:
            client.portal.call(node.close)


@contextmanager
def listening(client: Http) -> Iterator[int]:
    """The app behind a real server; gives the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(client.app, http="httptools", lifespan="off", log_config=None))
        serving = client.portal.start_task_soon(partial(server.serve, sockets=[listener]))
        port: int = listener.getsockname()[1]
        try:
            yield port
        finally:
            server.should_exit = True
            serving.result()


@pytest.fixture(scope="session")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """One node for all tests; each makes a tenant of its own."""
    with command_api(tmp_path_factory.mktemp("commands")) as api:
        yield api


@pytest.fixture
def api(ledger: Api) -> Api:
    """A tenant with a catalog, and a key with every permission."""
    return ledger.new_tenant()
