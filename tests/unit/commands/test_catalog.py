"""What is sold, who may ask, and who is known."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from commands.catalog.api_keys import IssueApiKey, issue_api_key, key_hash, key_text, revoke_api_key
from commands.catalog.change_storefront import ChangeStorefront, change_storefront
from commands.catalog.create_storefront import CreateStorefront, create_storefront
from commands.catalog.create_tenant import CreateTenant, create_tenant
from commands.catalog.define_bundle import DefineBundle, define_bundle
from commands.catalog.define_entitlement import DefineEntitlement, define_entitlement
from commands.catalog.publish_price import PriceVersion, PublishPrice, publish_price, publish_version
from commands.customer.change import ChangeCustomer, change
from commands.customer.personal import Personal
from commands.customer.register import RegisterCustomer, register
from commands.subscription.start import StartSubscription, start
from commands.unit import Unit
from domain.catalog.aggregates import ApiKey, Price, Storefront
from domain.customer.aggregate import Customer
from domain.errors import NotFound, RuleViolated, WrongState
from domain.event import Aggregate
from domain.registry import encode
from domain.subscription.aggregate import Subscription
from tests.unit.commands.shop import CARD, Shop
from tests.unit.commands.world import SECRET, TENANT, at, customer_of

Handler = Callable[[Unit], Aggregate]
MONTHLY = {"amount": {"amount": 1, "currency": "EUR"}, "interval": {"unit": "month"}}


def bundle(**body: object) -> Handler:
    request = DefineBundle.model_validate({"storefront": "web", "name": "B", **body})
    return lambda unit: define_bundle(unit, request)


def price(**body: object) -> Handler:
    request = PublishPrice.model_validate({"bundle": "gold", **MONTHLY, **body})
    return lambda unit: publish_price(unit, request)


@pytest.mark.parametrize(
    "handler",
    [
        lambda unit: create_tenant(unit, CreateTenant(id=TENANT, name="again")),
        lambda unit: create_storefront(unit, CreateStorefront(id="web", name="again")),
        lambda unit: define_entitlement(unit, DefineEntitlement(id="hd", kind="tier", name="again")),
        bundle(id="gold"),
        price(id="gold-monthly"),
    ],
)
def test_an_id_is_given_once(handler: Handler) -> None:
    shop = Shop()
    shop.price()
    with pytest.raises(WrongState, match="_exists"):
        shop.client(handler)


@pytest.mark.parametrize(
    ("handler", "pointer"),
    [
        (bundle(storefront="none"), "/storefront"),
        (bundle(grants=[{"entitlement": "hd", "value": True}, {"entitlement": "none", "value": 1}]), "/grants/1/entitlement"),
        (price(bundle="none"), "/bundle"),
        (lambda unit: publish_version(unit, "none", PriceVersion.model_validate(MONTHLY)), ""),
        (lambda unit: change_storefront(unit, "none", ChangeStorefront(name="x")), ""),
        (lambda unit: revoke_api_key(unit, "key_none"), ""),
    ],
)
def test_what_is_not_there_is_pointed_at(handler: Handler, pointer: str) -> None:
    with pytest.raises(NotFound) as refused:
        Shop().client(handler)
    assert refused.value.pointer == pointer


@pytest.mark.parametrize("value", [1, "yes", 0])
def test_a_grants_value_fits_its_entitlement(value: object) -> None:
    with pytest.raises(RuleViolated) as refused:
        Shop().client(bundle(grants=[{"entitlement": "hd", "value": value}]))
    assert (refused.value.code, refused.value.pointer) == ("wrong_grant_value", "/grants/0/value")


def test_a_bundle_grants_an_entitlement_once() -> None:
    with pytest.raises(RuleViolated, match="granted_twice"):
        Shop().client(bundle(grants=[{"entitlement": "hd", "value": True}] * 2))


def test_versions_of_a_price_count_up_and_keep_the_currency() -> None:
    shop = Shop()
    shop.price()
    second = shop.client(lambda unit: publish_version(unit, "gold-monthly", PriceVersion.model_validate(MONTHLY)))
    assert isinstance(second, Price)
    assert (second.terms.price_version, second.terms.amount.amount) == (2, 1)
    assert shop.catalog.price(TENANT, "gold-monthly", shop.now).terms.price_version == 2
    dollars = PriceVersion.model_validate({**MONTHLY, "amount": {"amount": 1, "currency": "USD"}})
    with pytest.raises(RuleViolated, match="other_currency"):
        shop.client(lambda unit: publish_version(unit, "gold-monthly", dollars))


def test_a_version_is_sold_from_its_day_on_and_what_was_sold_keeps_its_own() -> None:
    shop = Shop()
    shop.price()
    dearer = PriceVersion.model_validate({**MONTHLY, "effective_from": "2026-02-01T00:00:00Z"})
    shop.client(lambda unit: publish_version(unit, "gold-monthly", dearer))
    ada = shop.register()
    assert shop.sell(ada).terms.price_version == 1
    shop.until(at("2026-02-01"))
    assert shop.sell(ada).terms.price_version == 2
    assert shop.sell(ada, start_at=at("2026-01-15"), may_backdate=True).terms.price_version == 1
    assert [each.terms.price_version for each in shop.streams.all(Subscription)] == [1, 2, 1]


def test_what_is_not_in_effect_yet_is_not_sold() -> None:
    shop = Shop()
    shop.price(effective_from="2026-02-01T00:00:00Z")
    with pytest.raises(RuleViolated, match="price_not_in_effect"):
        shop.sell(shop.register())


def test_a_channel_sells_at_its_own_price_or_at_that_of_all() -> None:
    shop = Shop()
    shop.price("everywhere", 999)
    shop.price("in-the-app", 1299, channel="app-store")
    ada = shop.register()

    def sold(channel: str | None, price: str | None = None) -> str:
        of = {"price": price} if price else {"bundle": "gold", "currency": "EUR"}
        request = StartSubscription.model_validate({"customer": ada, "channel": channel, **of})
        found = shop.client(lambda unit: start(unit, request), ada)
        assert isinstance(found, Subscription)
        return found.terms.price

    assert [sold(channel) for channel in ("app-store", "play-store", None)] == ["in-the-app", "everywhere", "everywhere"]
    with pytest.raises(RuleViolated, match="price_of_another_channel"):
        sold("play-store", "in-the-app")


def test_names_that_are_not_given_come_from_the_command() -> None:
    shop, other = Shop(), Shop()
    made = [one.client(lambda unit: create_storefront(unit, CreateStorefront(name="x")), key="k") for one in (shop, other)]
    assert all(isinstance(one, Storefront) and one.storefront.startswith("sf_") for one in made)
    assert made[0].id == made[1].id


def test_a_changed_storefront_keeps_what_is_left_out() -> None:
    shop = Shop()
    changed = shop.client(lambda unit: change_storefront(unit, "web", ChangeStorefront(retry_after_s=())))
    assert isinstance(changed, Storefront)
    assert (changed.name, changed.retry_after_s) == ("Web", ())
    with pytest.raises(RuleViolated, match="nothing_to_change"):
        shop.client(lambda unit: change_storefront(unit, "web", ChangeStorefront()))


def test_a_keys_text_is_had_again_by_its_id_and_stored_nowhere() -> None:
    shop = Shop()
    key = shop.client(lambda unit: issue_api_key(unit, IssueApiKey(name="backend"), "sandbox"))
    assert isinstance(key, ApiKey)
    text = key_text(SECRET, "sandbox", TENANT, key.api_key)
    assert text.startswith("sl_sandbox_acme_")
    found = shop.catalog.api_key(TENANT, key_hash(text))
    assert found is not None
    assert found.id == key.id
    stored = b"".join(encode(event) for event in shop.items._stored[key.id])
    assert text[-40:].encode() not in stored


def test_a_key_is_revoked_once() -> None:
    shop = Shop()
    key = shop.client(lambda unit: issue_api_key(unit, IssueApiKey(name="backend"), "sandbox"))
    assert isinstance(key, ApiKey)
    revoked = shop.client(lambda unit: revoke_api_key(unit, key.api_key))
    assert isinstance(revoked, ApiKey)
    assert revoked.revoked_at == at("2026-01-01")
    with pytest.raises(WrongState, match="revoked"):
        shop.client(lambda unit: revoke_api_key(unit, key.api_key))


class TestCustomers:
    def test_an_external_id_is_unique_in_its_storefront(self) -> None:
        shop = Shop()
        shop.register()
        with pytest.raises(WrongState) as refused:
            shop.register()
        assert (refused.value.code, "'ada'" in refused.value.detail) == ("customer_exists", True)

    def test_the_storefronts_zone_is_the_default(self) -> None:
        shop = Shop()
        shop.client(lambda unit: change_storefront(unit, "web", ChangeStorefront(timezone="Asia/Tokyo")))
        assert shop.get(Customer, shop.register()).timezone == "Asia/Tokyo"
        assert shop.get(Customer, shop.register("bob", timezone="Europe/Berlin")).timezone == "Europe/Berlin"

    def test_a_method_is_of_the_storefronts_provider(self) -> None:
        shop = Shop()
        with pytest.raises(RuleViolated) as refused:
            shop.register(method=CARD.model_copy(update={"provider": "other"}))
        assert refused.value.pointer == "/payment_method/provider"

    def test_personal_data_is_sealed_and_a_change_replaces_it(self) -> None:
        shop = Shop()
        ada = shop.register(personal=Personal(name="Ada", email="ada@example.com"))

        def changed(**body: object) -> Customer:
            request = ChangeCustomer.model_validate(body)
            found = shop.client(lambda unit: change(unit, request), ada)
            assert isinstance(found, Customer)
            return found

        assert shop.get(Customer, ada).personal == "name=Ada&email=ada@example.com"
        assert changed(timezone="Europe/Berlin").personal == "name=Ada&email=ada@example.com"
        assert changed(personal={"name": "A."}).personal == "name=A."
        assert changed(personal=None).personal is None
        with pytest.raises(RuleViolated, match="nothing_to_change"):
            changed()

    def test_unknown_zones_and_storefronts(self) -> None:
        shop = Shop()
        with pytest.raises(RuleViolated, match="unknown_timezone"):
            shop.register(timezone="Mars/Olympus")
        request = RegisterCustomer(storefront="none")
        with pytest.raises(NotFound) as refused:
            shop.client(lambda unit: register(unit, request), customer_of("none", "x"))
        assert refused.value.pointer == "/storefront"
