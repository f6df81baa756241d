"""What fell due while nobody served is done in its order, whatever comes in first afterwards."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from commands.catalog.create_storefront import CreateStorefront, create_storefront
from commands.catalog.define_bundle import DefineBundle, define_bundle
from commands.catalog.publish_price import PublishPrice, publish_price
from commands.command import Command
from commands.customer.register import RegisterCustomer, register
from commands.subscription.start import StartSubscription, start
from commands.unit import Unit
from domain.customer.events import PaymentMethod
from domain.event import Aggregate
from domain.ids import customer_id
from infra.eventlog.sqlite import SqliteLog
from infra.psp.simulator import Simulator
from tests.integration.node.support import SECRET, TENANT, TENANT_COMMAND, catalog_command, running, until

CUSTOMER = customer_id(SECRET, TENANT, "web", "ada", "")
STOREFRONT = CreateStorefront(id="web", name="Web", retry_after_s=())
DAILY = {"id": "daily", "bundle": "gold", "amount": {"amount": 100, "currency": "EUR"}, "interval": {"unit": "day"}}


def ada_sends(id: str, handler: Callable[[Unit], Aggregate]) -> Command:
    return Command(TENANT, CUSTOMER, f"client:{id}", handler, may_backdate=True)


def sell_to_a_bad_card(unit: Unit) -> Aggregate:
    """A day at a time, since 20 hours."""
    return start(unit, StartSubscription(customer=CUSTOMER, price="daily", start_at=datetime.now(UTC) - timedelta(hours=20)))


def written(log: SqliteLog) -> Counter[str]:
    """How many events of each type the log holds."""
    reader = log.reader(dict.fromkeys(log.partitions, 0))
    found: Counter[str] = Counter()
    while records := reader.poll(0):
        found.update(record.attributes["type"].removesuffix(".v1") for record in records)
    reader.close()
    return found


def test_a_period_that_began_before_a_charge_was_found_declined_is_billed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = SqliteLog(tmp_path / "log.sqlite", "sandbox", 2)
    bad_card = PaymentMethod(provider="simulator", token="sim_decline")
    ada = RegisterCustomer(storefront="web", external_id="ada", payment_method=bad_card)

    async def first_charge_hangs() -> None:
        async with running(log, tmp_path) as node:
            await until(lambda: not node.unready())
            await node.submit(TENANT_COMMAND)
            await node.submit(catalog_command("s", lambda unit: create_storefront(unit, STOREFRONT)))
            await node.submit(
                catalog_command("b", lambda unit: define_bundle(unit, DefineBundle(id="gold", storefront="web", name="Gold")))
            )
            await node.submit(catalog_command("p", lambda unit: publish_price(unit, PublishPrice.model_validate(DAILY))))
            await node.submit(ada_sends("1", lambda unit: register(unit, ada)))
            await node.submit(ada_sends("2", sell_to_a_bad_card))

    async def comes_back_in_the_next_period() -> None:
        async with running(log, tmp_path, clock=lambda: datetime.now(UTC) + timedelta(hours=8)):
            await until(lambda: written(log)["subscription.suspended"] == 1)

    with monkeypatch.context() as patch:
        patch.setattr(Simulator, "charge", lambda *_, **__: asyncio.Event().wait())
        asyncio.run(first_charge_hangs())
    asyncio.run(comes_back_in_the_next_period())

    assert written(log)["subscription.period_billed"] == 2
    log.close()
