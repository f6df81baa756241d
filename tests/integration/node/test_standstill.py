"""What falls due while nothing can be done is done in its order afterwards, and by the time that it is then."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

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
from domain.subscription.aggregate import Subscription
from infra.eventlog.sqlite import SqliteLog
from infra.node.node import Node
from infra.psp.simulator import Simulator
from tests.integration.node.support import SECRET, TENANT, TENANT_COMMAND, catalog_command, running, until

CUSTOMER = customer_id(SECRET, TENANT, "web", "ada", "")
STOREFRONT = CreateStorefront(id="web", name="Web", retry_after_s=())
OTHER_STOREFRONT = CreateStorefront(id="tv", name="TV")
DAILY = {"id": "daily", "bundle": "gold", "amount": {"amount": 100, "currency": "EUR"}, "interval": {"unit": "day"}}


def ada_sends(id: str, handler: Callable[[Unit], Aggregate]) -> Command:
    return Command(TENANT, CUSTOMER, f"client:{id}", handler, may_backdate=True)


def sell_by_the_day(unit: Unit) -> Aggregate:
    """Since 20 hours."""
    return start(unit, StartSubscription(customer=CUSTOMER, price="daily", start_at=datetime.now(UTC) - timedelta(hours=20)))


async def open_shop(node: Node) -> None:
    await node.submit(TENANT_COMMAND)
    await node.submit(catalog_command("s", lambda unit: create_storefront(unit, STOREFRONT)))
    await node.submit(
        catalog_command("b", lambda unit: define_bundle(unit, DefineBundle(id="gold", storefront="web", name="Gold")))
    )
    await node.submit(catalog_command("p", lambda unit: publish_price(unit, PublishPrice.model_validate(DAILY))))


def written(log: SqliteLog) -> Counter[str]:
    """How many events of each type the log holds, in whatever version."""
    reader = log.reader(dict.fromkeys(log.partitions, 0))
    found: Counter[str] = Counter()
    while records := reader.poll(0):
        found.update(record.attributes["type"].rpartition(".v")[0] for record in records)
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
            await open_shop(node)
            await node.submit(ada_sends("1", lambda unit: register(unit, ada)))
            await node.submit(ada_sends("2", sell_by_the_day))

    async def comes_back_in_the_next_period() -> None:
        async with running(log, tmp_path, clock=lambda: datetime.now(UTC) + timedelta(hours=8)):
            await until(lambda: written(log)["subscription.suspended"] == 1)

    with monkeypatch.context() as patch:
        patch.setattr(Simulator, "charge", lambda *_, **__: asyncio.Event().wait())
        asyncio.run(first_charge_hangs())
    asyncio.run(comes_back_in_the_next_period())

    assert written(log)["subscription.billed"] == 2
    log.close()


def test_what_falls_due_by_a_wrong_clock_alone_is_not_done_once_it_is_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seed 1078 of the simulation, before it was mended: the node ended."""
    monkeypatch.setattr("infra.eventlog.sqlite.BUSY_TIMEOUT_S", 0.1)
    log = SqliteLog(tmp_path / "log.sqlite", "sandbox", 2)
    ahead = timedelta()
    good_card = PaymentMethod(provider="simulator", token="sim_ok")
    ada = RegisterCustomer(storefront="web", external_id="ada", payment_method=good_card)

    async def scenario() -> None:
        nonlocal ahead
        async with running(log, tmp_path, clock=lambda: datetime.now(UTC) + ahead) as node:
            await until(lambda: not node.unready())
            await open_shop(node)
            await node.submit(ada_sends("1", lambda unit: register(unit, ada)))
            await node.submit(ada_sends("2", sell_by_the_day))
            await until(lambda: written(log)["payment.captured"] == 1)
            # given renewals that were decided while the clock was ahead, and a log that cannot be written
            locked = sqlite3.connect(tmp_path / "log.sqlite", isolation_level=None)
            locked.execute("BEGIN IMMEDIATE")
            ahead = timedelta(hours=30)
            await until(lambda: sum(node.state().waiting.values()) >= 1)
            # when the clock is right again before the log is
            ahead = timedelta()
            await until(lambda: sum(node.state().waiting.values()) == 0)
            locked.execute("ROLLBACK")
            locked.close()
            # then none is done, and the node goes on
            await node.submit(catalog_command("t", lambda unit: create_storefront(unit, OTHER_STOREFRONT)))
            assert written(log)["subscription.billed"] == 1
            # until it is time
            ahead = timedelta(hours=5)
            await until(lambda: written(log)["subscription.billed"] == 2)

    asyncio.run(scenario())
    log.close()


def test_a_timer_that_fails_keeps_nobody_else_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.node.partition.REST", timedelta(seconds=0.2))
    log = SqliteLog(tmp_path / "log.sqlite", "sandbox", 2)
    bob = customer_id(SECRET, TENANT, "web", "bob", "")
    ahead = timedelta()
    unbilled = Subscription.unbilled

    def fails_for_ada(self: Subscription, *given: Any) -> Any:
        if self.customer == CUSTOMER:
            raise ZeroDivisionError
        return unbilled(self, *given)

    async def scenario() -> None:
        nonlocal ahead
        async with running(log, tmp_path, clock=lambda: datetime.now(UTC) + ahead) as node:
            await until(lambda: not node.unready())
            await open_shop(node)
            for name, id in (("ada", CUSTOMER), ("bob", bob)):
                card = PaymentMethod(provider="simulator", token="sim_ok")
                body = RegisterCustomer(storefront="web", external_id=name, payment_method=card)
                sale = StartSubscription(customer=id, price="daily")
                await node.submit(Command(TENANT, id, "client:1", partial(lambda unit, body: register(unit, body), body=body)))
                await node.submit(Command(TENANT, id, "client:2", partial(lambda unit, sale: start(unit, sale), sale=sale)))
            # given a bill that fails
            with monkeypatch.context() as patch:
                patch.setattr(Subscription, "unbilled", fails_for_ada)
                ahead = timedelta(hours=30)
                # then others are billed
                await until(lambda: written(log)["subscription.billed"] == 3)
                assert not node.unready()
            # and it is as well, once it can be
            await until(lambda: written(log)["subscription.billed"] == 4)

    asyncio.run(scenario())
    log.close()
