"""Whatever is changed at one instant and changed back again costs nothing, and all goes on as if it had not been."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.customer.aggregate import Customer
from domain.errors import WrongState
from tests.unit.commands.counter import Counter
from tests.unit.commands.world import at

DISK = {"id": "disk", "price": "storage"}
ZONES = ["UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kathmandu"]
PRICES = ["basic", "plus", "yearly", "weekly", "late", "set-up"]
BODIES: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.fixed_dictionaries({"price": st.sampled_from(PRICES)}),
    st.fixed_dictionaries({"quantity": st.integers(0, 9)}),
    st.fixed_dictionaries({"add_ons": st.sampled_from([[], [DISK], [{**DISK, "quantity": 3}]])}),
    st.fixed_dictionaries({"billing_day": st.integers(1, 31)}),
)
POLICIES = st.fixed_dictionaries(
    {"by": st.sampled_from(["none", "day", "second"]), "rounding": st.sampled_from(["half_up", "half_even"])}
)


def sold(start: datetime, price: str, zone: str, policy: dict[str, Any], day: int) -> Counter:
    shop = Counter(start.isoformat(), proration=policy)
    shop.price("weekly", 701, unit="week")
    fee = {"id": "fee", "name": "Fee", "pricing": {"model": "flat", "amount": 3100}}
    shop.priced("late", [{**fee, "due": "in_arrears"}])
    shop.priced("set-up", [{**fee, "id": "setup", "kind": "one_off"}, fee])
    shop.ada = shop.register("eve", timezone=zone)
    shop.sell(shop.ada, price, add_ons=[DISK], billing_day=day)
    return shop


def net(shop: Counter) -> int:
    """What was billed, and what of it was neither paid nor is owed any more."""
    assert shop.get(Customer, shop.ada).credit("EUR") == sum(each.credited - each.credit_applied for each in shop.invoices())
    return shop.billed()


@settings(max_examples=20)
@given(
    st.datetimes(datetime(1970, 1, 3), datetime(2099, 1, 1)),
    st.sampled_from(PRICES),
    st.sampled_from(ZONES),
    POLICIES,
    st.integers(1, 31),
    st.integers(0, 70 * 24 * 60),
    st.lists(BODIES, min_size=1, max_size=4),
)
def test_any_way_there_and_back(
    start: datetime, price: str, zone: str, policy: dict[str, Any], day: int, minutes: int, way: list[dict[str, Any]]
) -> None:
    # given two that are alike
    start = start.replace(microsecond=0)
    one, other = (sold(start, price, zone, policy, day) for _ in range(2))
    instant = at(start.isoformat()) + timedelta(minutes=minutes)
    for shop in (one, other):
        shop.until(instant)
    # when one is changed, in whatever way, and changed back at the same instant
    for body in [*way, {"price": price, "quantity": 1, "add_ons": [DISK], "billing_day": day}]:
        with suppress(WrongState):  # it is sold so already
            one.change(**body)
        one.until(instant)
    # then it came to nothing, then and ever after
    assert net(one) == net(other)
    for shop in (one, other):
        shop.until(instant + timedelta(days=100))
    assert net(one) == net(other)
    assert one.subscription().next_bill() == other.subscription().next_bill()
