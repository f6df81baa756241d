"""A subscription goes to another customer: ended here, started there, by two appends and an answer between them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from commands import api_body
from commands.catalog.change_storefront import ChangeStorefront, change_storefront
from commands.catalog.create_coupon import CreateCoupon, create_coupon
from commands.catalog.create_meter import CreateMeter, create_meter
from commands.catalog.publish_price import PublishPrice, publish_price
from commands.subscription.cancel import CancelSubscription, cancel
from commands.subscription.change import ChangeSubscription, change
from commands.subscription.pause import PauseSubscription, pause
from commands.subscription.renew import RenewSubscription, renew
from commands.subscription.transfer import TransferSubscription, handover, request_transfer
from commands.usage.record import RecordUsage, record_usage
from domain.customer.aggregate import Customer
from domain.errors import RuleViolated, WrongState
from domain.subscription.aggregate import Subscription
from domain.subscription.values import Handover
from tests.unit.commands.shop import Shop
from tests.unit.commands.world import at, declines

SETUP = {"id": "setup", "name": "Set-up", "kind": "one_off", "pricing": {"model": "flat", "amount": 900}}


class Houses(Shop):
    """A shop where something costs 31.00 a month, and two customers."""

    def __init__(self, now: str = "2026-01-01", **registered: Any) -> None:
        super().__init__(now)
        self.price("basic", 3100)
        self.ada, self.bob = self.register("ada", **registered), self.register("bob", **registered)

    def publish(self, **body: Any) -> None:
        """A monthly price of charges."""
        common = {"bundle": "gold", "currency": "EUR", "interval": {"unit": "month"}}
        request = PublishPrice.model_validate({**common, **body})
        self.client(lambda unit: publish_price(unit, request))

    def transfer(self, source: Subscription, to: str, key: str = "") -> Subscription:
        request = TransferSubscription(customer=to)
        self.client(lambda unit: request_transfer(unit, source.id, request), source.customer, key)
        return self.get(Subscription, source.id)

    def at_bobs(self, source: Subscription) -> Subscription:
        """The one as which it goes on."""
        assert source.transfer is not None
        return self.get(Subscription, source.transfer.subscription)

    def totals(self, customer: str) -> list[int]:
        return [invoice.total for invoice in self.invoices() if invoice.customer == customer]

    def credit(self, customer: str) -> int:
        return self.get(Customer, customer).credit("EUR")


def test_it_ends_here_and_goes_on_there() -> None:
    # given a subscription that was billed to the end of January
    shop = Houses()
    here = shop.sell(shop.ada, "basic")
    shop.until(at("2026-01-11"))
    # when it is transferred on the 11th
    here = shop.transfer(here, shop.bob)
    # then the rest of January is given back here, and owed there
    there = shop.at_bobs(here)
    assert (here.state, here.ended_at, there.state, there.started_at) == ("cancelled", shop.now, "active", shop.now)
    assert (shop.totals(shop.ada), shop.credit(shop.ada), shop.totals(shop.bob)) == ([3100, -2100], 2100, [2100])
    # and the two are linked
    assert here.transfer is not None
    assert (here.transfer.customer, here.transferred_from) == (shop.bob, None)
    assert (there.transfer, there.transferred_from) == (None, here.id)
    # and from then on it is billed as it was, there alone
    shop.until(at("2026-02-01"))
    assert (shop.totals(shop.ada), shop.totals(shop.bob)) == ([3100, -2100], [2100, 3100])


def test_access_goes_over_at_that_very_instant() -> None:
    shop = Houses()
    here = shop.sell(shop.ada, "basic")
    moved = at("2026-01-11")
    shop.until(moved)
    here = shop.transfer(here, shop.bob)
    there = shop.at_bobs(here)
    for instant in (moved - timedelta.resolution, moved, moved + timedelta(days=900)):
        assert (here.grants_access(instant), there.grants_access(instant)) == (False, instant >= moved)
    assert (here.access_until, here.grants(moved)) == (moved, there.grants(moved))


def test_meanwhile_nothing_falls_due_and_nobody_may_change_it() -> None:
    # given a transfer that is not answered, for the first of February and a while
    shop = Houses()
    shop.hands_over = False
    here = shop.sell(shop.ada, "basic")
    shop.until(at("2026-01-31T23:00"))
    here = shop.transfer(here, shop.bob)
    assert (here.state, here.transferring, here.timers()) == ("active", True, ())
    shop.until(at("2026-02-02"))
    assert shop.totals(shop.ada) == [3100]
    # when somebody wants something of it
    wanted = {
        "transfer": lambda unit: request_transfer(unit, here.id, TransferSubscription(customer=shop.bob)),
        "cancel": lambda unit: cancel(unit, here.id, CancelSubscription(at="now")),
        "cancel later": lambda unit: cancel(unit, here.id, CancelSubscription(at="period_end")),
        "change": lambda unit: change(unit, here.id, ChangeSubscription(quantity=2)),
        "change later": lambda unit: change(unit, here.id, ChangeSubscription(quantity=2, at="period_end")),
        "pause": lambda unit: pause(unit, here.id, PauseSubscription()),
        "renew": lambda unit: renew(unit, here.id, RenewSubscription()),
    }
    for handler in wanted.values():
        with pytest.raises(WrongState) as refused:
            shop.client(handler, shop.ada)
        # then it is refused
        assert refused.value.code == "transfer_pending"
    # and when the answer comes at last, all is as of the request
    shop.hand_over(here)
    there = shop.at_bobs(shop.get(Subscription, here.id))
    assert there.started_at == at("2026-01-31T23:00")
    assert (sum(shop.totals(shop.ada)), sum(shop.totals(shop.bob))) == (3000, 100 + 3100)


def test_each_owes_what_was_used_while_it_was_theirs() -> None:
    shop = Houses()
    meter = CreateMeter.model_validate({"id": "calls", "name": "Calls", "aggregation": "sum"})
    shop.client(lambda unit: create_meter(unit, meter))
    pricing = {"model": "per_unit", "unit_amount": "2"}
    shop.publish(id="metered", charges=[{"id": "calls", "name": "Calls", "kind": "usage", "meter": "calls", "pricing": pricing}])

    def use(of: Subscription, quantity: int) -> None:
        body = RecordUsage(subscription=of.id, meter="calls", quantity=Decimal(quantity), source="gateway", id=f"{quantity}")
        shop.client(lambda unit: record_usage(unit, body), of.customer)

    here = shop.sell(shop.ada, "metered")
    shop.until(at("2026-01-05"))
    use(here, 10)
    shop.until(at("2026-01-11"))
    here = shop.transfer(here, shop.bob)
    shop.until(at("2026-01-20"))
    use(shop.at_bobs(here), 7)
    shop.until(at("2026-02-01"))
    assert (shop.totals(shop.ada), shop.totals(shop.bob)) == ([20], [14])


@pytest.mark.parametrize("answered", [0, 1])
def test_each_step_is_done_once(answered: int) -> None:
    # given a transfer whose first or second step was done, when its node died
    shop = Houses()
    shop.hands_over = False
    here = shop.sell(shop.ada, "basic")
    shop.until(at("2026-01-11"))
    here = shop.transfer(here, shop.bob)
    for _ in range(answered):
        assert shop.ask(here) is None
    # when it is done again, from the start, twice
    shop.hand_over(here)
    shop.hand_over(here)
    # then it went over once
    assert shop.topics().count("subscription.transferred") == 1
    assert len(shop.streams.all(Subscription)) == 2
    assert sum(shop.totals(shop.ada) + shop.totals(shop.bob)) == 3100


def test_a_request_sent_again_makes_no_second_one() -> None:
    shop = Houses()
    here = shop.sell(shop.ada, "basic")
    first, again = (shop.transfer(here, shop.bob, key="once") for _ in range(2))
    assert first == again
    assert len(shop.streams.all(Subscription)) == 2


def test_where_it_is_refused_there_it_stays() -> None:
    # given an answer that takes until February
    shop = Houses()
    shop.hands_over = False
    here = shop.sell(shop.ada, "basic")
    shop.until(at("2026-01-31"))
    here = shop.transfer(here, "cus_" + "0" * 28)
    shop.until(at("2026-02-02"))
    # when it is that there is no such customer
    shop.hand_over(here)
    # then it goes on here, what fell due meanwhile is billed, and another one may have it
    here = shop.get(Subscription, here.id)
    assert (here.state, here.transfer, list(here.failed_transfers.values())) == ("active", None, ["customer_not_found"])
    shop.until(at("2026-02-02"))
    assert shop.totals(shop.ada) == [3100, 3100]
    shop.hands_over = True
    assert shop.transfer(here, shop.bob).state == "cancelled"


def test_both_live_on_the_same_test_clock_or_on_none() -> None:
    shop = Houses()
    shop.clock("2026-01-01")
    here = shop.transfer(shop.sell(shop.ada, "basic"), shop.register("eve", test_clock="clock"))
    assert list(here.failed_transfers.values()) == ["other_test_clock"]


def test_on_a_test_clock_it_is_as_of_its_time() -> None:
    shop = Shop()
    shop.price("basic", 3100)
    shop.clock("2030-01-01")
    ada, bob = (shop.register(name, test_clock="clock") for name in ("ada", "bob"))
    here = shop.sell(ada, "basic")
    shop.move_clock("2030-01-11")
    shop.client(lambda unit: request_transfer(unit, here.id, TransferSubscription(customer=bob)), ada)
    shop.move_clock("2030-03-15")
    issued = {(invoice.customer, f"{invoice.issued_at:%m-%d}", invoice.total) for invoice in shop.invoices()}
    assert issued == {
        (ada, "01-01", 3100), (ada, "01-11", -2100), (bob, "01-11", 2100), (bob, "02-01", 3100), (bob, "03-01", 3100),
    }  # fmt: skip


def test_not_to_whom_has_it_nor_while_something_is_scheduled() -> None:
    shop = Houses()
    here = shop.sell(shop.ada, "basic")
    with pytest.raises(RuleViolated) as same:
        shop.transfer(here, shop.ada)
    assert (same.value.code, same.value.pointer) == ("same_customer", "/customer")
    later = ChangeSubscription(quantity=2, at="period_end")
    shop.client(lambda unit: change(unit, here.id, later), shop.ada)
    with pytest.raises(WrongState, match="change_scheduled"):
        shop.transfer(here, shop.bob)


def test_not_while_it_rests_or_is_cancelled_or_owes() -> None:
    shop = Houses()
    resting = shop.sell(shop.ada, "basic")
    shop.client(lambda unit: pause(unit, resting.id, PauseSubscription()), shop.ada)
    ending = shop.sell(shop.ada, "basic")
    shop.client(lambda unit: cancel(unit, ending.id, CancelSubscription(at="period_end")), shop.ada)
    shop.provider = declines
    owing = shop.sell(shop.ada, "basic")
    for source, code in ((resting, "paused"), (ending, "change_scheduled"), (owing, "wrong_subscription_state")):
        with pytest.raises(WrongState) as refused:
            shop.transfer(source, shop.bob)
        assert refused.value.code == code


def test_a_trial_ends_when_it_would_have_and_its_fee_is_not_owed_again() -> None:
    shop = Houses()
    shop.price("trial", 3100, trial_days=14, trial_fee=500)
    here = shop.sell(shop.ada, "trial")
    shop.until(at("2026-01-05"))
    there = shop.at_bobs(shop.transfer(here, shop.bob))
    assert (there.state, there.trial_ends_at) == ("trial", at("2026-01-15"))
    shop.until(at("2026-01-20"))
    assert (shop.totals(shop.ada), shop.totals(shop.bob)) == ([500], [3100])
    assert shop.get(Subscription, there.id).state == "active"


def test_a_fixed_term_ends_when_it_would_have_and_can_be_renewed() -> None:
    shop = Houses()
    shop.price("term", 3100, term_periods=2)
    here = shop.sell(shop.ada, "term")
    shop.client(lambda unit: renew(unit, here.id, RenewSubscription(periods=1)), shop.ada)
    shop.until(at("2026-01-11"))
    there = shop.at_bobs(shop.transfer(here, shop.bob))
    assert (there.term_ends_at, there.access_until) == (at("2026-04-01"), at("2026-04-01"))
    shop.client(lambda unit: renew(unit, there.id, RenewSubscription(periods=1)), shop.bob)
    assert shop.get(Subscription, there.id).term_ends_at == at("2026-05-01")
    shop.until(at("2026-05-02"))
    assert shop.get(Subscription, there.id).state == "expired"


def test_what_is_owed_once_is_owed_once() -> None:
    shop = Houses()
    monthly = {"id": "fee", "name": "Fee", "pricing": {"model": "flat", "amount": 3100}}
    shop.publish(id="installed", charges=[SETUP, monthly])
    here = shop.sell(shop.ada, "installed")
    shop.until(at("2026-01-11"))
    shop.transfer(here, shop.bob)
    assert (sum(shop.totals(shop.ada)), sum(shop.totals(shop.bob))) == (900 + 1000, 2100)


def test_it_can_go_on_and_on_and_back() -> None:
    shop = Houses()
    eve = shop.register("eve")
    found = shop.sell(shop.ada, "basic")
    for day, customer in (("11", shop.bob), ("16", eve), ("21", shop.ada)):
        shop.until(at(f"2026-01-{day}"))
        found = shop.at_bobs(shop.transfer(found, customer))
    assert [sum(shop.totals(customer)) for customer in (shop.ada, shop.bob, eve)] == [1000 + 1100, 500, 500]
    names = {each.id: each.customer for each in shop.streams.all(Subscription)}
    before = [each.transferred_from and names[each.transferred_from] for each in shop.streams.all(Subscription)]
    assert before == [None, shop.ada, shop.bob, eve]


def test_what_is_handed_over_survives_the_way_to_another_node() -> None:
    # given a subscription of many parts, that rested for a week
    shop = History(PRICINGS[2], 15, {"by": "second"})
    sold = shop.sold.id
    shop.client(lambda unit: pause(unit, sold, PauseSubscription(resumes_at=at("2026-02-07"))), shop.ada)
    shop.until(at("2026-02-08"))
    shop.hands_over = False
    asked = handover(shop.transfer(shop.get(Subscription, sold), shop.bob), None)
    assert asked.former.paused
    assert asked.discounts
    # when it is sent
    sent = asked.model_dump_json().encode()
    # then it is read as what it was
    assert api_body.validated(TypeAdapter(Handover), api_body.parse(sent)) == asked


def test_who_has_it_now_cannot_change_what_was_before() -> None:
    shop = Houses()
    here = shop.sell(shop.ada, "basic")
    shop.until(at("2026-01-11"))
    there = shop.at_bobs(shop.transfer(here, shop.bob))
    shop.until(at("2026-01-16"))
    past = ChangeSubscription.model_validate({"quantity": 2, "at": "2026-01-10T00:00:00Z"})
    with pytest.raises(RuleViolated, match="date_before_last_change"):
        shop.client(lambda unit: change(unit, there.id, past), shop.bob, may_backdate=True)
    past = past.model_copy(update={"at": at("2026-01-11")})
    shop.client(lambda unit: change(unit, there.id, past), shop.bob, may_backdate=True)
    assert sum(shop.totals(shop.bob)) == 4200


SEVEN = ChangeSubscription(quantity=Decimal(7))
HOURS = st.integers(min_value=0, max_value=70 * 24)
PRICINGS: list[dict[str, Any]] = [
    {"pricing": {"model": "flat", "amount": 1001}},
    {"pricing": {"model": "flat", "amount": 1001}, "due": "in_arrears"},
    {"pricing": {"model": "per_unit", "unit_amount": "33.35"}},
]


class History(Houses):
    """What is sold on 30 January, with a set-up fee, a cheaper first phase and a coupon for two periods; and what follows."""

    def __init__(self, pricing: dict[str, Any], billing_day: int | None, proration: dict[str, str]) -> None:
        super().__init__("2026-01-30")
        policy = ChangeStorefront.model_validate({"billing": {"proration": proration}})
        self.client(lambda unit: change_storefront(unit, "web", policy))
        fee = {"id": "fee", "name": "Fee", **pricing}
        cheap = {**fee, "pricing": {"model": "flat", "amount": 101}}
        phases = [{"id": "intro", "charges": [SETUP, cheap], "lasts": {"unit": "day", "count": 40}}]
        self.publish(id="sold", charges=[fee], phases=phases)
        coupon = CreateCoupon.model_validate({"id": "spring", "name": "Spring", "percent": "12.5", "periods": 2})
        self.client(lambda unit: create_coupon(unit, coupon))
        self.sold = self.sell(self.ada, "sold", quantity=3, billing_day=billing_day, coupons=("spring",))

    def paid(self, moves: Sequence[int], changed: int | None) -> int:
        """In all, by 20 May, where it is transferred so many hours after the start, and its quantity changed."""
        steps = [(hours, "transfer") for hours in moves]
        if changed is not None:
            steps.append((changed, "change"))
        for hours, step in sorted(steps):
            self.until(at("2026-01-30") + timedelta(hours=hours))
            if step == "transfer":
                other = self.bob if self.sold.customer == self.ada else self.ada
                self.sold = self.at_bobs(self.transfer(self.sold, other))
            else:
                self.client(lambda unit: change(unit, self.sold.id, SEVEN), self.sold.customer)
        self.until(at("2026-05-20"))
        return sum(invoice.total for invoice in self.invoices())


@given(
    moves=st.lists(HOURS, min_size=1, max_size=3),
    changed=st.none() | HOURS,
    pricing=st.sampled_from(PRICINGS),
    billing_day=st.none() | st.integers(min_value=1, max_value=31),
    proration=st.fixed_dictionaries(
        {
            "by": st.sampled_from(["day", "second", "none"]),
            "last_day": st.sampled_from(["unbilled", "billed"]),
            "first_period": st.sampled_from(["prorated", "free"]),
            "rounding": st.sampled_from(["half_up", "half_even"]),
        }
    ),
)
@settings(max_examples=60)
def test_together_they_pay_what_one_would_have_paid(
    moves: list[int], changed: int | None, pricing: dict[str, Any], billing_day: int | None, proration: dict[str, str]
) -> None:
    one, all_of_them = (History(pricing, billing_day, proration) for _ in range(2))
    assert all_of_them.paid(moves, changed) == one.paid([], changed)
