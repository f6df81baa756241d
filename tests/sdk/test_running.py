"""Both clients against a ledger that runs as `subledger run` starts it."""

from __future__ import annotations

from itertools import count

import pytest

from subledger_client import commands, errors, queries
from subledger_client.models import PaymentMethodInput
from tests.e2e.running import Running
from tests.sdk.conftest import Opened
from tests.sdk.cutting import cutting
from tests.sdk.either import Either

pytestmark = pytest.mark.slow

_tenants = count(1)


@pytest.fixture
def key(running: Running) -> str:
    return running.tenant_key(f"sdk-{next(_tenants)}")


@pytest.fixture
def ledger(running: Running, key: str, client: Opened) -> Either:
    """A client of a tenant that sells gold."""
    found = client(url=running.url, key=key)
    found.send(commands.create_storefront(id="web", name="Web", timezone="UTC"))
    found.send(commands.define_entitlement(id="hd", kind="flag", name="HD"))
    found.send(commands.define_bundle(id="gold", storefront="web", name="Gold", grants=[{"entitlement": "hd", "value": True}]))
    price = commands.publish_price(
        id="gold-monthly", bundle="gold", amount={"amount": 999, "currency": "EUR"}, interval={"unit": "month"}
    )
    found.send(price)
    return found


def test_a_customers_life(ledger: Either) -> None:
    method: PaymentMethodInput = {"provider": "simulator", "token": "sim_ok"}
    customer = ledger.send(commands.register_customer(storefront="web", external_id="u-1", payment_method=method))["id"]
    start = commands.start_subscription(customer=customer, price="gold-monthly")
    shown = ledger.preview(start)
    started = ledger.send(start)
    assert (shown["resource"]["id"], shown["invoices"][0]["total"]) == (started["id"], {"amount": 999, "currency": "EUR"})

    # a read holds what was written, and the same command again is the same subscription
    assert ledger.get(queries.check_entitlement(customer, "hd"))["granted"]
    assert ledger.send(start)["id"] == started["id"]
    assert [each["id"] for each in ledger.all(queries.list_subscriptions(customer=customer, state="active"))] == [started["id"]]
    assert [invoice["total"]["amount"] for invoice in ledger.all(queries.list_invoices(customer=customer))] == [999]

    # what has changed meanwhile, what is there already and what is not there
    cancel = commands.cancel_subscription(started["id"], at="now")
    with pytest.raises(errors.StaleVersion):
        ledger.send(cancel.at(999))
    with pytest.raises(errors.Conflict):
        ledger.send(commands.register_customer(storefront="web", external_id="u-1"))
    with pytest.raises(errors.NotFound):
        ledger.get(queries.get_customer(f"cus_{'0' * 28}"))

    assert ledger.send(cancel.because("moved away"))["state"] == "cancelled"
    newest = ledger.all(queries.subscription_events(started["id"], limit=1))
    assert "moved away" in {event["reason"] for event in newest}


@pytest.mark.usefixtures("ledger")
def test_a_batch_over_connections_that_are_cut_is_done_once(running: Running, key: str, client: Opened) -> None:
    customers = [commands.register_customer(storefront="web", external_id=f"u-{number}") for number in range(900)]
    with cutting(running.url, after=[0, 40_000, 150_000, 300]) as proxy:
        results = client(url=proxy.url, key=key).batch(customers)
        assert proxy.cut == 4
    assert {result.command.key for result in results} == {command.key for command in customers}
    assert {result.status for result in results} == {201}
    assert any(result.replayed for result in results)
    registered = {result.answer()["id"] for result in results}
    assert len(registered) == len(results) == 900
    last = client(url=running.url, key=key, position=", ".join(result.answer()["receipt"]["position"] for result in results))
    assert {customer["id"] for customer in last.all(queries.list_customers(limit=100))} == registered


def test_a_customers_commands_in_a_batch_are_done_in_their_order(ledger: Either) -> None:
    customer = ledger.send(commands.register_customer(storefront="web"))["id"]
    zones = ["Europe/Paris", "Europe/Rome"] * 20
    results = ledger.batch(commands.change_customer(customer, timezone=zone) for zone in zones)
    assert [result.answer()["version"] for result in results] == list(range(2, 42))


def test_the_feed_tells_of_what_was_done(ledger: Either) -> None:
    customer = ledger.send(commands.register_customer(storefront="web"))["id"]
    feed = queries.get_events(customer=customer)
    [page] = ledger.pages(feed, 1)
    assert [event["type"] for event in page["data"]] == ["customer.registered.v1"]
    ledger.send(commands.change_customer(customer, timezone="Europe/Rome"))
    [page] = ledger.pages(feed, 1, after=page["next_cursor"])
    assert [event["type"] for event in page["data"]] == ["customer.changed.v1"]
