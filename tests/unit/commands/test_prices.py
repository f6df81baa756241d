"""What a price is made of: phases, what is owed once, trials that cost, what is billed in arrears, and when each is billed."""

from __future__ import annotations

from typing import Any

import pytest

from commands.catalog.publish_price import PriceVersion, publish_version
from commands.subscription.pause import PauseSubscription, pause, resume
from commands.subscription.trial import SetTrialEnd, set_trial_end
from tests.unit.commands.counter import Counter
from tests.unit.commands.world import at, captures, declines

MONTHS_3 = {"unit": "month", "count": 3}


def flat(amount: int, id: str = "fee", **more: str) -> dict[str, Any]:
    return {"id": id, "name": id, "pricing": {"model": "flat", "amount": amount}, **more}


SETUP = flat(500, "setup", kind="one_off")


def amounts(shop: Counter) -> list[list[int]]:
    """Of every invoice the lines'."""
    return [[line.amount for line in invoice.lines] for invoice in shop.invoices()]


class TestPhases:
    def sold(self, now: str = "2026-01-01", **terms: Any) -> Counter:
        """Three months for 10.00 each, after that 31.00."""
        shop = Counter(now)
        shop.priced("phased", [flat(3100)], phases=[{"id": "intro", "lasts": MONTHS_3, "charges": [flat(1000)]}], **terms)
        shop.sell(shop.ada, "phased")
        return shop

    def test_each_has_its_own_price(self) -> None:
        shop = self.sold()
        shop.until(at("2026-05-01"))
        assert amounts(shop) == [[1000], [1000], [1000], [3100], [3100]]

    def test_its_end_is_counted_from_the_begin(self) -> None:
        shop = self.sold("2026-01-31")
        shop.until(at("2026-04-30"))
        assert amounts(shop) == [[1000], [1000], [1000], [3100]]

    def test_they_follow_the_trial_wherever_it_ends(self) -> None:
        shop = self.sold(trial_days=14)
        shop.until(at("2026-01-05"))
        shop.client(lambda unit: set_trial_end(unit, shop.subscription().id, SetTrialEnd()), shop.ada)
        shop.until(at("2026-04-05"))
        assert amounts(shop) == [[1000], [1000], [1000], [3100]]

    def test_one_that_ends_within_a_period_cuts_it_there(self) -> None:
        shop = Counter()
        weeks = {"id": "intro", "lasts": {"unit": "day", "count": 10}, "charges": []}
        shop.priced("tasted", [flat(3100)], phases=[weeks])
        shop.sell(shop.ada, "tasted")
        assert amounts(shop) == []
        shop.until(at("2026-01-11"))
        assert shop.lines() == [("proration", "01-11", "02-01", 2100)]

    def test_a_change_of_the_quantity_leaves_the_phase_and_another_price_begins_its_own(self) -> None:
        shop = self.sold()
        shop.until(at("2026-02-01"))
        shop.change(quantity=2)
        shop.until(at("2026-03-01"))
        shop.change(price="plus")
        shop.change(price="phased")
        shop.until(at("2026-04-01"))
        # phases go on as from the first sale, however often the price was changed
        assert shop.lines() == [("recurring", "04-01", "05-01", 3100)]


class TestOwedOnce:
    def sold(self) -> Counter:
        shop = Counter()
        shop.priced("set-up", [SETUP, flat(3100)])
        return shop

    def test_it_is_billed_at_the_start_and_never_again(self) -> None:
        shop = self.sold()
        shop.sell(shop.ada, "set-up")
        assert sorted(amounts(shop)[0]) == [500, 3100]
        shop.until(at("2026-01-11"))
        shop.change(quantity=2)
        shop.until(at("2026-02-11"))
        shop.change(price="plus")
        shop.until(at("2026-03-11"))
        shop.change(price="set-up")
        shop.until(at("2026-04-01"))
        assert [amount for each in amounts(shop) for amount in each].count(500) == 1

    def test_what_was_sold_for_no_time_gives_it_back(self) -> None:
        shop = self.sold()
        shop.sell(shop.ada, "basic")
        shop.until(at("2026-01-11"))
        for price in ("set-up", "basic"):
            shop.change(price=price)
        assert shop.billed() == 3100

    @pytest.mark.parametrize("instant", ["2026-01-01", "2026-01-11"])
    def test_a_pause_leaves_it(self, instant: str) -> None:
        shop = self.sold()
        shop.sell(shop.ada, "set-up")
        shop.until(at(instant))
        shop.client(lambda unit: pause(unit, shop.subscription().id, PauseSubscription()), shop.ada)
        shop.until(at("2026-02-01"))
        shop.client(lambda unit: resume(unit, shop.subscription().id), shop.ada)
        used = 1000 if instant == "2026-01-11" else 0
        assert shop.billed() == 500 + used + 3100

    def test_days_that_are_credited_after_a_suspension_leave_it(self) -> None:
        shop = Counter(suspended="credited")
        shop.policy(retry_after_s=())
        shop.priced("set-up", [SETUP, flat(3100)])
        shop.provider = declines
        shop.sell(shop.ada, "set-up")
        shop.until(at("2026-01-11"))
        shop.provider = captures
        shop.charge(shop.invoices()[0].id)
        shop.until(at("2026-01-11"))
        assert shop.lines() == [("credit", "01-01", "01-11", -1000)]


class TestTrialThatCosts:
    def sold(self) -> Counter:
        shop = Counter()
        shop.price("tried", 3100, trial_days=14, trial_fee=100)
        shop.sell(shop.ada, "tried")
        return shop

    def test_its_fee_is_owed_at_its_begin(self) -> None:
        shop = self.sold()
        assert amounts(shop) == [[100]]
        shop.until(at("2026-01-15"))
        assert amounts(shop) == [[100], [3100]]

    def test_extended_converted_or_left_for_another_price_it_is_owed_once(self) -> None:
        shop = self.sold()
        later = SetTrialEnd.model_validate({"trial_ends_at": "2026-02-10T00:00:00Z"})
        shop.client(lambda unit: set_trial_end(unit, shop.subscription().id, later), shop.ada)
        shop.until(at("2026-01-20"))
        shop.change(price="plus")
        assert amounts(shop) == [[100], [6200]]


class TestArrears:
    def sold(self, **billing: Any) -> Counter:
        """31.00 a month at its end."""
        shop = Counter("2026-01-01T10:00", **billing)
        shop.priced("late", [flat(3100, due="in_arrears")])
        shop.sell(shop.ada, "late")
        return shop

    def test_a_period_is_billed_at_its_end(self) -> None:
        shop = self.sold()
        assert amounts(shop) == []
        shop.until(at("2026-02-01T10:00"))
        assert shop.lines() == [("recurring", "01-01", "02-01", 3100)]

    def test_what_was_used_is_billed_when_it_is_changed_or_cancelled(self) -> None:
        shop = self.sold()
        shop.until(at("2026-01-11T12:00"))
        shop.change(price="plus")
        assert shop.lines() == [("proration", "01-11", "02-01", 4200), ("proration", "01-01", "01-11", 1000)][::-1]
        assert self.cancelled() == [("proration", "01-01", "01-11", 1000)]

    def cancelled(self, **billing: Any) -> list[tuple[str, str, str, int]]:
        shop = self.sold(**billing)
        shop.until(at("2026-01-11T12:00"))
        shop.end(at="now", credit=True)
        return shop.lines()

    def test_the_last_day_is_billed_where_the_policy_says_so(self) -> None:
        assert self.cancelled(proration={"last_day": "billed"}) == [("proration", "01-01", "01-12", 1100)]


def test_a_price_stays_what_was_bought_until_it_is_moved() -> None:
    shop = Counter()
    shop.sell(shop.ada, "basic")
    dearer = PriceVersion.model_validate({"amount": {"amount": 6200, "currency": "EUR"}, "interval": {"unit": "month"}})
    shop.client(lambda unit: publish_version(unit, "basic", dearer))
    shop.until(at("2026-02-01"))
    assert shop.change(quantity=1, add_ons=[{"id": "disk", "price": "storage"}]).terms.price_version == 1
    shop.until(at("2026-02-15"))
    # when it is moved
    assert shop.change(price="basic").terms.price_version == 2
    # then half of the month is billed at each
    assert shop.lines() == [("credit", "02-15", "03-01", -1550), ("proration", "02-15", "03-01", 3100)]


def test_half_a_cent_is_rounded_as_the_policy_says() -> None:
    for rounding, billed in (("half_up", 501), ("half_even", 500)):
        shop = Counter("2026-02-01", proration={"rounding": rounding})
        shop.price("odd", 1001)
        shop.sell(shop.ada, "odd")
        shop.until(at("2026-02-15"))
        shop.end(at="now", credit=True)
        assert shop.billed() == billed
