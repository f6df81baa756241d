"""Nodes in a test's own loop, and the commands that set a shop up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from commands.catalog.create_storefront import CreateStorefront, create_storefront
from commands.catalog.create_tenant import CreateTenant, create_tenant
from commands.command import Command
from commands.customer.register import RegisterCustomer, register
from commands.ports import Answer, Unavailable
from commands.unit import Unit
from domain.event import Aggregate
from domain.ids import customer_id
from infra.eventlog.log import Log
from infra.node.node import Node
from infra.psp.registry import open_gateways
from infra.vault import Vault
from tests.window import InThread

SECRET = b"secret-of-the-tests"
TENANT = "acme"


@asynccontextmanager
async def running(
    log: Log, folder: Path, waiting_max: int = 3000, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> AsyncIterator[Node]:
    """A node that has started; it may not be ready yet."""
    keys = log.keys()
    with open_gateways(folder / "simulator.sqlite", sandbox=True) as gateways:
        node = Node(
            log,
            partial(InThread, log, folder / "index", clock),
            vault=Vault(bytes(32), keys),
            gateways=gateways,
            secret=SECRET,
            clock=clock,
            waiting_max=waiting_max,
        )
        await node.start()
        try:
            yield node
        finally:
            await node.close()
            keys.close()


async def until(holds: Callable[[], bool], limit_s: float = 60.0) -> None:
    """Wait until something holds; fails after ``limit_s``."""
    async with asyncio.timeout(limit_s):
        while not holds():
            await asyncio.sleep(0.02)


def catalog_command(id: str, handler: Callable[[Unit], Aggregate]) -> Command:
    return Command(tenant=TENANT, customer="", id=f"client:{id}", handler=handler, actor="test")


TENANT_COMMAND = catalog_command("tenant", lambda unit: create_tenant(unit, CreateTenant(id=TENANT, name="Acme")))


def storefront_command(name: str) -> Command:
    return catalog_command(name, lambda unit: create_storefront(unit, CreateStorefront(id=name, name=name)))


def registration(number: int, storefront: str) -> Command:
    """The registration of the customer with this number."""
    external_id = f"u-{number}"
    request = RegisterCustomer(storefront=storefront, external_id=external_id)
    customer = customer_id(SECRET, TENANT, storefront, external_id, "")
    return Command(
        tenant=TENANT, customer=customer, id=f"client:{number}", handler=lambda unit: register(unit, request), actor="test"
    )


async def anywhere(nodes: list[Node], command: Command) -> Answer:
    """Submit as a patient client does: again, with the same id, to the next node, until one answers."""
    async with asyncio.timeout(60):
        while True:
            for node in nodes:
                try:
                    return await node.submit(command)
                except Unavailable:
                    await asyncio.sleep(0.02)
