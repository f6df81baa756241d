"""What a node must not say or do by what it knew once: its partitions may be another's by now, and its clock may go back."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest

from commands.api_desk import Desk
from commands.api_route import ApiSettings, Call, Sender
from commands.api_subscriptions import cancel_subscription
from commands.command import Command
from commands.customer.change import ChangeCustomer, change
from commands.ports import Unavailable, Vault
from commands.subscription.cancel import CancelSubscription
from domain.errors import NotFound
from infra.eventlog.sqlite import SqliteLog
from infra.http.auth import Principal
from infra.node.node import Node
from tests.integration.node.support import SECRET, TENANT, TENANT_COMMAND, registration, running, storefront_command, until

NO_VAULT = cast(Vault, None)  # nothing here is sealed
UNKNOWN = "sub_00000000" + "f" * 20


def cancellation(node: Node, name: str) -> Command:
    """What the API makes of a request to cancel the subscription that nobody has."""
    desk = Desk(node, NO_VAULT, ApiSettings(environment="sandbox", secret=SECRET, admin_key=""))
    sender = Sender(Principal(TENANT, "test", frozenset({"write"})), "", 0.0, "")
    call = Call("cancel", sender, desk.settings, UNKNOWN, CancelSubscription(at="now"), name, name, None, "")
    return desk.command(call, cancel_subscription.order(call))


def test_that_there_is_no_such_thing_is_said_only_where_the_partition_is_seen_to_be_ours(tmp_path: Path) -> None:
    async def scenario() -> None:
        log = SqliteLog(tmp_path / "log.sqlite", "sandbox", 2)
        async with running(log, tmp_path) as node:
            await until(lambda: not node.unready())
            # given a node that knows nothing of a subscription, and says so
            with pytest.raises(NotFound):
                await node.submit(cancellation(node, "before"))
            # when another may have taken over, and have started that subscription
            (tmp_path / "log.sqlite.lock").unlink()
            # then it does not say so any more
            with pytest.raises(Unavailable):
                await node.submit(cancellation(node, "after"))
        log.close()

    asyncio.run(scenario())


def test_business_time_does_not_go_back_with_the_clock(tmp_path: Path) -> None:
    now = datetime.now(UTC)

    async def scenario() -> None:
        nonlocal now
        log = SqliteLog(tmp_path / "log.sqlite", "sandbox", 2)
        async with running(log, tmp_path, clock=lambda: now) as node:
            await until(lambda: not node.unready())
            await node.submit(TENANT_COMMAND)
            await node.submit(storefront_command("web"))
            # given a customer who was registered at some time
            register = registration(1, "web")
            registered = await node.submit(register)
            # when the clock is set back, as little as a log tolerates
            now -= timedelta(seconds=3)
            # then a change is not dated before it
            request = ChangeCustomer(timezone="Europe/Paris")
            changing = Command(
                tenant=TENANT, customer=register.customer, id="client:change", handler=lambda unit: change(unit, request)
            )
            changed = await node.submit(changing)
            assert changed.target.modified_on >= registered.target.modified_on
        log.close()

    asyncio.run(scenario())
