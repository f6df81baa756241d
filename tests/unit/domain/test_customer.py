"""The customer: registered, changed, given another way to pay."""

from __future__ import annotations

from domain.customer.aggregate import Customer
from tests.unit.domain.make import CARD, CUSTOMER, JAN_1
from tests.unit.domain.scenario import fold, said, taken, when


def customer() -> Customer:
    return Customer.register(
        CUSTOMER,
        tenant="acme",
        storefront="web",
        external_id="7590-VHVEG",
        timezone="Europe/Berlin",
        clock=None,
        personal="v1.sealed",
        payment_method=None,
        now=JAN_1,
    )


def test_registered() -> None:
    assert said(taken(customer())[0]) == (
        "customer.registered.v1",
        {
            "tenant": "acme",
            "storefront": "web",
            "external_id": "7590-VHVEG",
            "timezone": "Europe/Berlin",
            "clock": None,
            "personal": "v1.sealed",
            "payment_method": None,
        },
    )


def test_changed_replaces_zone_and_personal_data() -> None:
    known = customer()
    assert when(known, lambda c: c.change(timezone="UTC", personal=None, now=JAN_1)) == [
        ("customer.changed.v1", {"timezone": "UTC", "personal": None})
    ]
    assert (known.timezone, known.personal, known.external_id) == ("UTC", None, "7590-VHVEG")


def test_a_payment_method_is_set_and_taken_away() -> None:
    known = customer()
    for method in (CARD, None):
        assert when(known, lambda c, m=method: c.set_payment_method(m, JAN_1)) == [  # type: ignore[misc]
            ("customer.payment_method_set.v1", {"payment_method": method})
        ]
        assert known.payment_method == method


def test_folding_gives_the_same() -> None:
    known = customer()
    known.change(timezone="UTC", personal="v1.other", now=JAN_1)
    known.set_payment_method(CARD, JAN_1)
    assert fold(taken(known), Customer) == known
