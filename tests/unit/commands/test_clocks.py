"""Customers who live on a test clock."""

from __future__ import annotations

import pytest

from commands.shard import ClockAdvancing
from domain.errors import NotFound, RuleViolated
from domain.subscription.aggregate import Subscription
from tests.unit.commands.shop import Shop
from tests.unit.commands.test_billing_cycle import BILLED
from tests.unit.commands.world import at, declines, unknown


def on_clock(now: str = "2030-01-31") -> tuple[Shop, str]:
    shop = Shop()
    shop.price()
    shop.clock(now)
    return shop, shop.register(test_clock="clock")


def test_their_commands_are_decided_at_the_clocks_time() -> None:
    shop, ada = on_clock()
    subscription = shop.sell(ada)
    assert subscription.sale.started_at == at("2030-01-31")
    assert shop.invoices()[0].issued_at == at("2030-01-31")
    assert {event.timestamp for event in shop.said} == {at("2030-01-31")}


def test_an_advance_does_everything_that_was_due_before_in_order() -> None:
    shop, ada = on_clock()
    shop.sell(ada)
    assert shop.move_clock("2030-05-01") == BILLED * 3
    issued = [invoice.issued_at for invoice in shop.invoices()]
    assert issued == [at("2030-01-31"), at("2030-02-28"), at("2030-03-31"), at("2030-04-30")]


def test_what_is_due_at_that_very_instant_waits_for_the_next_advance() -> None:
    shop, ada = on_clock()
    shop.sell(ada)
    assert shop.move_clock("2030-02-28") == []
    assert shop.move_clock("2030-02-28T00:00:01") == BILLED


def test_the_wall_clock_fires_nothing_of_theirs() -> None:
    shop, ada = on_clock("2020-01-31")
    shop.sell(ada)
    assert shop.until(at("2031-01-01")) == []


def test_a_client_must_wait_until_what_was_due_is_done() -> None:
    shop, ada = on_clock()
    shop.sell(ada)
    shop.move_clock("2030-05-01", do=False)
    with pytest.raises(ClockAdvancing):
        shop.cancel("now")
    shop.move_clock("2030-05-01")
    assert shop.cancel("now").ended_at == at("2030-05-01")


def test_retries_and_suspension_stand_at_the_clocks_times() -> None:
    shop, ada = on_clock()
    shop.sell(ada)
    shop.provider = declines
    shop.move_clock("2030-06-01")
    suspended = shop.subscription()
    assert (suspended.state, suspended.suspended_at) == ("suspended", at("2030-03-04"))


def test_an_unknown_attempt_is_checked_until_its_key_dies() -> None:
    shop, ada = on_clock()
    shop.provider = unknown
    shop.sell(ada)
    shop.move_clock("2030-02-20")
    (payment,) = shop.payments()
    assert (payment.state, payment.check_at, payment.attempts) == ("unknown", None, 1)


def test_clocks_of_their_own_do_not_disturb_each_other() -> None:
    shop, ada = on_clock()
    shop.clock("2040-01-01", "other")
    bob = shop.register("bob", test_clock="other")
    shop.sell(ada)
    shop.sell(bob)
    shop.move_clock("2041-01-01", "other")
    subscriptions = {found.customer: found for found in shop.streams.all(Subscription)}
    assert len(subscriptions[ada].posted) == 1
    assert len(subscriptions[bob].posted) == 12


def test_a_clock_only_moves_forward() -> None:
    shop, _ = on_clock()
    with pytest.raises(RuleViolated, match="clock_backwards"):
        shop.move_clock("2030-01-30")
    assert shop.move_clock("2030-01-31") == []


def test_a_clock_that_is_not_there() -> None:
    shop, _ = on_clock()
    with pytest.raises(NotFound) as refused:
        shop.register("bob", test_clock="none")
    assert refused.value.pointer == "/test_clock"
