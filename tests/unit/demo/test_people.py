from __future__ import annotations

from infra.demo.catalog import BUNDLES, CLOCK, ENTITLEMENTS, PRICES, STOREFRONTS
from infra.demo.people import CUSTOMERS, YEAR, example, people


def test_the_same_people_come_every_time() -> None:
    assert people() == people()
    assert people(10) == people()[:10]


def test_names_and_addresses_are_each_ones_own() -> None:
    registrations = [person.registration(CLOCK) for person in people()]
    assert len({body["external_id"] for body in registrations}) == CUSTOMERS
    assert len({body["personal"]["email"] for body in registrations}) == CUSTOMERS


def test_everybody_buys_what_the_storefront_sells() -> None:
    storefront_of = {bundle["id"]: bundle["storefront"] for bundle in BUNDLES}
    sold_in = {price["id"]: storefront_of[price["bundle"]] for price in PRICES}
    assert all(sold_in[person.price] == person.storefront for person in people())
    assert {person.price for person in people()} == set(sold_in)
    assert {person.storefront for person in people()} == {storefront["id"] for storefront in STOREFRONTS}


def test_the_catalog_has_every_kind_of_entitlement_and_terms() -> None:
    assert {entitlement["kind"] for entitlement in ENTITLEMENTS} == {"flag", "tier", "quota", "content"}
    assert {price["interval"]["unit"] for price in PRICES} == {"month", "year"}
    assert {price["amount"]["currency"] for price in PRICES} == {"EUR", "USD"}
    assert any("trial_days" in price for price in PRICES)
    assert any("term_periods" in price for price in PRICES)


def test_who_leaves_has_come_before_and_can_pay() -> None:
    leaving = [person for person in people() if person.cancels is not None]
    assert {person.cancels_at for person in leaving} == {"now", "period_end"}
    assert all(person.cancels is not None and person.cancels > person.joins and person.token == "sim_ok" for person in leaving)


def test_there_is_an_undisturbed_one_among_few() -> None:
    assert example(people(20)).joins == 0
    assert list(YEAR.steps) == sorted(YEAR.steps)
    assert YEAR.steps[-1] < YEAR.end
