"""A partition that a node loses while somebody waits for what happens in it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from commands.catalog.define_bundle import DefineBundle, GrantRequest, define_bundle
from commands.catalog.define_entitlement import DefineEntitlement, define_entitlement
from commands.catalog.publish_price import PublishPrice, publish_price
from commands.command import Command
from commands.customer.register import RegisterCustomer, register
from commands.ports import ChargeOutcome, NotServed, Unknown
from commands.subscription.start import StartSubscription, start
from commands.unit import Unit
from domain.customer.events import PaymentMethod
from domain.event import Aggregate
from domain.ids import customer_id, partition_of
from domain.payment.aggregate import Payment
from infra.eventlog.sqlite import SqliteLog
from infra.node.node import Node
from infra.psp.simulator import Simulator
from tests.integration.node.support import (
    SECRET,
    TENANT,
    TENANT_COMMAND,
    catalog_command,
    running,
    storefront_command,
    until,
)

PARTITIONS = 2
CUSTOMER = customer_id(SECRET, TENANT, "web", "ada", "")
REGISTRATION = RegisterCustomer(
    storefront="web", external_id="ada", payment_method=PaymentMethod(provider="simulator", token="sim_ok")
)
GOLD = DefineBundle(id="gold", storefront="web", name="Gold", grants=(GrantRequest(entitlement="hd", value=True),))
PRICE = PublishPrice.model_validate(
    {"id": "monthly", "bundle": "gold", "amount": {"amount": 999, "currency": "EUR"}, "interval": {"unit": "month"}}
)


async def sell(node: Node) -> Payment:
    """A subscription, whose first payment this is."""
    await node.submit(TENANT_COMMAND)
    await node.submit(storefront_command("web"))
    hd = DefineEntitlement(id="hd", kind="flag", name="HD")
    await node.submit(catalog_command("hd", lambda unit: define_entitlement(unit, hd)))
    await node.submit(catalog_command("gold", lambda unit: define_bundle(unit, GOLD)))
    await node.submit(catalog_command("monthly", lambda unit: publish_price(unit, PRICE)))
    payments: list[Payment] = []

    def begin(unit: Unit) -> Aggregate:
        subscription = start(unit, StartSubscription(customer=CUSTOMER, price="monthly"))
        for invoice in unit.open_invoices(subscription.id):
            payments.extend(unit.open_payments(invoice.id))
        return subscription

    for id, handler in (("register", lambda unit: register(unit, REGISTRATION)), ("start", begin)):
        await node.submit(Command(tenant=TENANT, customer=CUSTOMER, id=f"client:{id}", handler=handler, actor="test"))
    return payments[-1]


def test_who_waits_for_a_charge_is_sent_to_the_partitions_next_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = asyncio.Event()

    async def charge(*_: Any, **__: Any) -> ChargeOutcome:
        await answers.wait()
        return Unknown()

    monkeypatch.setattr(Simulator, "charge", charge)

    async def scenario() -> None:
        log = SqliteLog(tmp_path / "log.sqlite", "sandbox", PARTITIONS)
        async with running(log, tmp_path) as node:
            await until(lambda: not node.unready())
            # given somebody who waits for a charge
            waiting = asyncio.ensure_future(node.settled(await sell(node), 60))
            await asyncio.sleep(0)
            # when the partition is lost before the provider has answered
            node.on_stopped(frozenset({partition_of(CUSTOMER, PARTITIONS)}), "it was lost")
            answers.set()
            # then another node has to tell
            with pytest.raises(NotServed):
                await waiting
        log.close()

    asyncio.run(scenario())
