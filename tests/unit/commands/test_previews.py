"""What a command would do is shown, and nothing of it is kept. That it is what is done then, every test in ``World.do`` sees."""

from __future__ import annotations

from copy import copy
from dataclasses import replace

import pytest

from commands.command import Command
from commands.customer.change import ChangeCustomer
from commands.customer.change import change as change_customer
from commands.customer.personal import Personal
from commands.ports import Preview
from commands.shard import Decided, KeyReused, Replay
from commands.subscription.change import ChangeSubscription, change
from domain.invoice.aggregate import Invoice
from domain.subscription.aggregate import Subscription
from tests.unit.commands.shop import Shop
from tests.unit.commands.world import TENANT, at


@pytest.fixture
def shop() -> Shop:
    """Ada pays 31.00 a month since 1 January; it is the 11th."""
    shop = Shop()
    shop.price("basic", 3100)
    shop.price("plus", 6200)
    shop.sell(shop.register(), "basic")
    shop.until(at("2026-01-11"))
    return shop


def to(shop: Shop, price: str) -> Command:
    id = shop.subscription().id
    request = ChangeSubscription(price=price)
    return shop.command(lambda unit: change(unit, id, request), shop.subscription().customer)


def preview(shop: Shop, command: Command) -> Preview:
    found = shop.shard.preview(command, shop.now)
    assert isinstance(found, Preview)
    return found


def test_a_preview_shows_the_lines_and_the_resource_as_they_would_be(shop: Shop) -> None:
    shown = preview(shop, to(shop, "plus"))

    (invoice,) = [each for each in shown.touched if isinstance(each, Invoice)]
    assert [(line.kind, line.amount) for line in invoice.lines] == [("credit", -2100), ("proration", 4200)]
    assert isinstance(shown.target, Subscription)
    assert shown.target.terms.price == "plus"
    assert [event.TOPIC for event, _ in shown.events][:2] == ["subscription.changed.v1", "subscription.billed.v1"]


def test_nothing_of_a_preview_is_kept(shop: Shop) -> None:
    # given what the shard holds of a customer
    command, subscription = to(shop, "plus"), shop.subscription()
    account = shop.shard._account(command.key)
    held = {id: copy(aggregate).__dict__ for id, aggregate in account.aggregates.items()}
    before = (shop.streams.sequence, shop.shard.timer(command.key), account.invoices, dict(account.open), set(account.commands))
    # when it says what a command would do
    shown = preview(shop, command)
    # then it holds the same
    assert {id: aggregate.__dict__ for id, aggregate in account.aggregates.items() if id in held} == held
    assert (
        shop.streams.sequence, shop.shard.timer(command.key), account.invoices, dict(account.open), set(account.commands),
    ) == before  # fmt: skip
    assert shop.shard.home(shown.events[-1][0].originator_id) is None
    # and the key is not used up: the command does what was shown
    done = shop.do(command)
    assert isinstance(done, Decided)
    assert done.values == tuple(value for _, value in shown.events)
    assert shop.subscription().version > subscription.version


def test_what_was_done_before_would_do_nothing(shop: Shop) -> None:
    used = to(shop, "plus")
    shop.do(used)
    assert isinstance(shop.shard.preview(used, shop.now), Replay)
    with pytest.raises(KeyReused):
        shop.shard.preview(replace(used, fingerprint="other"), shop.now)


def test_a_preview_sees_what_is_not_committed_yet(shop: Shop) -> None:
    shop.shard.decide(to(shop, "plus"), shop.now)
    shown = preview(shop, to(shop, "basic"))
    assert sum(each.total for each in shown.touched if isinstance(each, Invoice)) == -2100


def test_the_data_key_of_a_preview_opens_what_it_sealed_and_is_not_kept(shop: Shop) -> None:
    ada = shop.subscription().customer
    body = ChangeCustomer(personal=Personal(name="Ada"))
    command = shop.command(lambda unit: change_customer(unit, body), ada)
    assert preview(shop, command).data_keys == {f"{TENANT}/{ada}": b"key"}
    assert shop.shard._account(command.key).data_key is None
