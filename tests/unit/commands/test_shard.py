"""The shard itself: replays, versions, speculation."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from commands.command import Command
from commands.customer.change import ChangeCustomer, change
from commands.customer.personal import Personal
from commands.ports import Past
from commands.shard import Decided, KeyReused, Replay, Shard, StaleVersion
from commands.subscription.cancel import CancelSubscription, cancel
from commands.subscription.start import StartSubscription, start
from commands.unit import Unit
from domain.errors import NotFound, WrongState
from domain.event import Aggregate
from tests.unit.commands.shop import Shop
from tests.unit.commands.world import SECRET, TENANT, silent

CANCEL = CancelSubscription(at="now")


def command(customer: str, handler: Callable[[Unit], Aggregate], id: str = "client:1", **more: object) -> Command:
    return Command(TENANT, customer, id, handler, **more)  # type: ignore[arg-type]


def selling(customer: str) -> Callable[[Unit], Aggregate]:
    request = StartSubscription(customer=customer, price="gold-monthly")
    return lambda unit: start(unit, request)


def decided(shop: Shop, one: Command) -> Decided:
    """Decide without settling."""
    found = shop.shard.decide(one, shop.now)
    assert isinstance(found, Decided)
    return found


@pytest.fixture
def shop() -> Shop:
    shop = Shop(provider=silent)
    shop.price()
    return shop


def test_the_next_decision_sees_what_is_not_committed_yet(shop: Shop) -> None:
    ada = shop.register()
    sold = decided(shop, command(ada, selling(ada)))
    ended = decided(shop, command(ada, lambda unit: cancel(unit, sold.target.id, CANCEL), "client:2"))
    assert ended.target.version == sold.target.version + 1
    assert shop.shard.home(sold.target.id) == f"{TENANT}/{ada}"


def test_what_was_not_committed_is_forgotten(shop: Shop) -> None:
    ada = shop.register()
    sold = decided(shop, command(ada, selling(ada)))
    shop.shard.reset()
    assert shop.shard.home(sold.target.id) is None
    with pytest.raises(NotFound):
        shop.shard.decide(command(ada, lambda unit: cancel(unit, sold.target.id, CANCEL), "client:2"), shop.now)
    again = decided(shop, command(ada, selling(ada)))
    assert [event.model_dump() for event in again.events] == [event.model_dump() for event in sold.events]


def test_the_same_command_is_a_replay_before_and_after_its_commit(shop: Shop) -> None:
    ada = shop.register()
    one = command(ada, selling(ada), fingerprint="f")
    first = decided(shop, one)
    replay = shop.shard.decide(one, shop.now)
    assert isinstance(replay, Replay)
    assert replay.of is first
    shop.streams.append(first)
    shop.shard.settle(first)
    later = shop.shard.decide(one, shop.now)
    assert isinstance(later, Replay)
    assert later.of == shop.streams.remembered(one.key, one.id)


@pytest.mark.parametrize("settled", [True, False])
def test_the_same_key_with_another_body_is_refused(shop: Shop, settled: bool) -> None:
    ada = shop.register()
    first = decided(shop, command(ada, selling(ada), fingerprint="f"))
    if settled:
        shop.streams.append(first)
        shop.shard.settle(first)
    with pytest.raises(KeyReused):
        shop.shard.decide(command(ada, selling(ada), fingerprint="g"), shop.now)


def test_the_same_key_of_another_customer_is_another_command(shop: Shop) -> None:
    ada, bob = shop.register(), shop.register("bob")
    one = decided(shop, command(ada, selling(ada)))
    other = decided(shop, command(bob, selling(bob)))
    assert one.target.id != other.target.id


def test_a_refusal_leaves_nothing_behind(shop: Shop) -> None:
    ada = shop.register()
    sold = shop.sell(ada)

    def half_done(unit: Unit) -> Aggregate:
        cancel(unit, sold.id, CANCEL)
        raise WrongState("no", "Not after all.")

    with pytest.raises(WrongState):
        shop.shard.decide(command(ada, half_done), shop.now)
    assert shop.subscription().state == "active"
    assert decided(shop, command(ada, lambda unit: cancel(unit, sold.id, CANCEL))).target.version == sold.version + 1


def test_if_match_is_checked_after_the_replay(shop: Shop) -> None:
    ada = shop.register()
    sold = shop.sell(ada)
    one = command(ada, lambda unit: cancel(unit, sold.id, CANCEL), if_match=(sold.id, frozenset({sold.version})))
    decided(shop, one)
    assert isinstance(shop.shard.decide(one, shop.now), Replay)


def test_a_stale_version_is_told_the_present_one(shop: Shop) -> None:
    ada = shop.register()
    sold = shop.sell(ada)
    stale = command(ada, lambda unit: cancel(unit, sold.id, CANCEL), if_match=(sold.id, frozenset({1, 9})))
    with pytest.raises(StaleVersion) as refused:
        shop.shard.decide(stale, shop.now)
    assert refused.value.current == sold.version


def test_what_belongs_to_another_tenant_is_not_there(shop: Shop) -> None:
    ada = shop.register()
    sold = shop.sell(ada)
    theirs = Command("other", ada, "client:1", lambda unit: cancel(unit, sold.id, CANCEL))
    with pytest.raises(NotFound):
        shop.shard.decide(theirs, shop.now)


def test_the_first_sealing_makes_the_data_key_and_the_next_uses_it(shop: Shop) -> None:
    made: list[bytes] = []

    class Keyless:
        def __getattr__(self, name: str) -> object:
            return getattr(shop.vault, name)

        def wrapped_key(self, key: str) -> None:
            raise AssertionError(f"{key} has no key yet, and none is looked for")

        def new_key(self) -> bytes:
            made.append(b"new")
            return made[-1]

    ada = shop.register()
    shard = Shard(shop.streams, shop.catalog, Keyless(), SECRET)  # type: ignore[arg-type]
    body = ChangeCustomer(personal=Personal(name="Ada"))
    first = shard.decide(command(ada, lambda unit: change(unit, body)), shop.now)
    second = shard.decide(command(ada, lambda unit: change(unit, body), "client:2"), shop.now)
    assert isinstance(first, Decided)
    assert isinstance(second, Decided)
    assert (first.data_keys, second.data_keys) == ({f"{TENANT}/{ada}": b"new"}, {})
    assert len(made) == 1


def test_what_was_sealed_before_keeps_its_data_key(shop: Shop) -> None:
    # given a customer whose personal data was sealed and then removed, read by a shard that has nothing in memory
    ada = shop.register(personal=Personal(name="Ada"))
    shop.do(command(ada, lambda unit: change(unit, ChangeCustomer(personal=None))))
    shard = Shard(shop.streams, shop.catalog, shop.vault, SECRET)
    # when there is some again, then no new key takes the place of the one that opens the old events
    body = ChangeCustomer(personal=Personal(name="Ada"))
    again = shard.decide(command(ada, lambda unit: change(unit, body), "client:2"), shop.now)
    assert isinstance(again, Decided)
    assert again.data_keys == {}


def test_beyond_the_bound_only_customers_without_unsettled_commands_are_read_anew(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("commands.shard.ACCOUNTS_MAX", 1)
    ada, read, past = shop.register(), list[str](), shop.streams.past

    def noted(key: str) -> Past:
        read.append(key)
        return past(key)

    monkeypatch.setattr(shop.streams, "past", noted)

    bob = shop.register("bob")
    decided(shop, command(ada, selling(ada)))
    shop.register("eve")
    decided(shop, command(ada, selling(ada), "client:2"))
    decided(shop, command(bob, selling(bob)))

    assert [key for key in read if key.endswith((ada, bob))] == [f"{TENANT}/{customer}" for customer in (bob, ada, bob)]
