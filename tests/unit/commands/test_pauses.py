"""Paused and resumed: billing stops or goes on, entitlements are withdrawn or kept."""

from __future__ import annotations

from typing import Any

import pytest

from commands.subscription.pause import PauseSubscription, pause, resume
from domain.errors import RuleViolated, WrongState
from tests.unit.commands.counter import Counter
from tests.unit.commands.world import at


def paused(**body: Any) -> Counter:
    """31.00 a month since 1 January, paused on the 11th."""
    shop = Counter()
    shop.sell(shop.ada, "basic")
    shop.until(at("2026-01-11"))
    rest(shop, **body)
    return shop


def rest(shop: Counter, **body: Any) -> None:
    request = PauseSubscription.model_validate(body)
    shop.client(lambda unit: pause(unit, shop.subscription().id, request), shop.ada)


def go_on(shop: Counter) -> None:
    shop.client(lambda unit: resume(unit, shop.subscription().id), shop.ada)


@pytest.mark.parametrize("entitlements", ["withdrawn", "kept"])
@pytest.mark.parametrize(("billing", "billed"), [("stopped", [3100, -2100]), ("continued", [3100, 3100, 3100])])
def test_billing_and_access_stop_or_not(entitlements: str, billing: str, billed: list[int]) -> None:
    shop = paused(billing=billing, entitlements=entitlements)
    shop.until(at("2026-03-01"))
    assert [invoice.total for invoice in shop.invoices()] == billed
    subscription = shop.subscription()
    assert (subscription.state, subscription.grants_access(shop.now)) == ("active", entitlements == "kept")


def test_resumed_it_is_billed_for_the_rest_of_the_period_that_runs() -> None:
    shop = paused()
    shop.until(at("2026-03-22"))
    go_on(shop)
    assert shop.lines() == [("proration", "03-22", "04-01", 1000)]
    assert shop.subscription().grants_access(shop.now)
    shop.until(at("2026-04-01"))
    assert shop.lines() == [("recurring", "04-01", "05-01", 3100)]


def test_within_one_period_only_the_days_between_are_given_back() -> None:
    shop = paused()
    shop.until(at("2026-01-21"))
    go_on(shop)
    assert shop.billed() == 2100


def test_it_goes_on_by_itself_however_late() -> None:
    shop = paused(resumes_at="2026-02-15T00:00:00Z")
    shop.now = at("2026-03-05")
    shop.until(at("2026-03-05"))
    assert shop.subscription().pause is None
    assert shop.billed() == 1000 + 1550 + 3100


def test_at_one_instant_it_comes_to_nothing() -> None:
    shop = paused()
    go_on(shop)
    assert (shop.billed(), shop.subscription().pause) == (3100, None)


def test_what_is_changed_meanwhile_is_billed_from_when_it_goes_on() -> None:
    shop = paused()
    shop.until(at("2026-01-15"))
    shop.change(price="plus")
    assert shop.billed() == 1000
    shop.until(at("2026-01-22"))
    go_on(shop)
    assert shop.lines() == [("proration", "01-22", "02-01", 2000)]


def test_cancelled_meanwhile_nothing_more_is_owed() -> None:
    shop = paused()
    shop.until(at("2026-01-15"))
    shop.end(at="now")
    assert (shop.billed(), shop.subscription().pause) == (1000, None)


def test_what_cannot_be_is_refused() -> None:
    shop = paused()
    with pytest.raises(WrongState, match="paused"):
        rest(shop)
    go_on(shop)
    with pytest.raises(WrongState, match="not_paused"):
        go_on(shop)
    with pytest.raises(RuleViolated, match="date_in_past") as refused:
        rest(shop, resumes_at="2026-01-01T00:00:00Z")
    assert refused.value.pointer == "/resumes_at"
