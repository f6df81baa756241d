"""Start, bill, charge: the life of a subscription whose payments come."""

from __future__ import annotations

import pytest

from commands.catalog.publish_price import PriceVersion, publish_version
from commands.subscription.start import StartSubscription, start
from domain.errors import NotFound, RuleViolated
from domain.ids import SUBSCRIPTION, is_id
from domain.payment.aggregate import Payment
from domain.subscription.aggregate import Subscription
from tests.unit.commands.shop import Shop
from tests.unit.commands.world import at, customer_of, silent

SOLD = ["subscription.started", "subscription.billed", "invoice.issued", "payment.requested", "payment.attempt_started"]
PAID = ["payment.captured", "invoice.payment_applied"]
BILLED = [*SOLD[1:], *PAID]


def test_without_a_trial_it_is_active_and_billed_at_once() -> None:
    shop = Shop()
    shop.price()
    ada = shop.register()
    before = len(shop.said)

    subscription = shop.sell(ada)

    assert shop.topics(before) == [*SOLD, *PAID]
    assert subscription.state == "active"
    assert subscription.grants_access(shop.now)
    (invoice,) = shop.invoices()
    assert (invoice.total, invoice.open, str(invoice.number)[-5:]) == (1000, 0, "-0001")
    (line,) = invoice.lines
    assert (line.period_start, line.period_end, line.amount) == (at("2026-01-01"), at("2026-02-01"), 1000)


def test_all_ids_route_as_the_customer_does() -> None:
    shop = Shop()
    shop.price()
    ada = shop.register()
    subscription = shop.sell(ada)
    assert is_id(subscription.id, SUBSCRIPTION)
    ids = [subscription.id, shop.invoices()[0].id, shop.payments()[0].id]
    assert {id[4:12] for id in ids} == {ada[4:12]}


def test_every_period_is_billed_at_its_begin() -> None:
    shop = Shop("2026-01-31")
    shop.price()
    shop.sell(shop.register())

    assert shop.until(at("2026-04-30")) == BILLED * 3

    starts = [invoice.lines[0].period_start for invoice in shop.invoices()]
    assert starts == [at("2026-01-31"), at("2026-02-28"), at("2026-03-31"), at("2026-04-30")]
    assert [invoice.ordinal for invoice in shop.invoices()] == [1, 2, 3, 4]


def test_what_fell_due_while_nobody_served_is_billed_in_one_go() -> None:
    shop = Shop()
    shop.price()
    ada = shop.register()
    shop.sell(ada)
    shop.now = at("2026-03-15")
    before = len(shop.said)
    shop._fire(f"acme/{ada}")
    periods = [invoice.lines[0].period_start for invoice in shop.invoices()]
    assert periods == [at("2026-01-01"), at("2026-02-01"), at("2026-03-01")]
    assert shop.topics(before).count("invoice.issued") == 2


def test_a_trial_has_access_and_no_bill_until_it_ends() -> None:
    shop = Shop()
    shop.price(trial_days=14)
    subscription = shop.sell(shop.register())
    assert (subscription.state, subscription.trial_ends_at) == ("trial", at("2026-01-15"))
    assert subscription.grants_access(shop.now)
    assert shop.invoices() == []

    assert shop.until(at("2026-01-14T23:59:59")) == []
    assert shop.until(at("2026-01-15")) == ["subscription.activated", *BILLED]

    (invoice,) = shop.invoices()
    assert (invoice.lines[0].period_start, invoice.lines[0].period_end) == (at("2026-01-15"), at("2026-02-15"))
    assert shop.subscription().state == "active"


def test_access_holds_until_the_first_charge_has_its_outcome() -> None:
    shop = Shop(provider=silent)
    shop.price()
    subscription = shop.sell(shop.register())
    assert subscription.grants_access(shop.now)
    assert shop.payments()[0].state == "pending"


def test_a_period_that_costs_nothing_is_settled_at_issue_and_never_charged() -> None:
    shop = Shop()
    shop.price(amount=0)
    ada = shop.register(method=None)
    before = len(shop.said)
    shop.sell(ada)
    assert shop.topics(before) == SOLD[:3]
    assert shop.until(at("2026-02-01")) == ["subscription.billed", "invoice.issued"]
    assert shop.payments() == []
    assert all(invoice.closed for invoice in shop.invoices())


def test_a_fixed_term_expires_after_its_periods_and_its_trial() -> None:
    shop = Shop()
    shop.price(trial_days=1, term_periods=2)
    subscription = shop.sell(shop.register())
    assert subscription.term_ends_at == subscription.access_until == at("2026-03-02")

    happened = shop.until(at("2027-01-01"))

    assert happened == ["subscription.activated", *BILLED, *BILLED, "subscription.expired"]
    ended = shop.subscription()
    assert (ended.state, ended.ended_at) == ("expired", at("2026-03-02"))
    assert not ended.grants_access(at("2026-03-02"))


def test_the_terms_are_those_of_the_sale() -> None:
    shop = Shop()
    shop.price()
    shop.sell(shop.register())
    dearer = PriceVersion.model_validate({"amount": {"amount": 5000, "currency": "EUR"}, "interval": {"unit": "month"}})
    shop.client(lambda unit: publish_version(unit, "gold-monthly", dearer))
    shop.sell(shop.register("bob"))
    shop.until(at("2026-02-01"))
    assert sorted(invoice.total for invoice in shop.invoices()) == [1000, 1000, 5000, 5000]


def test_the_same_key_sells_once() -> None:
    shop = Shop()
    shop.price()
    ada = shop.register()
    first = shop.sell(ada, key="once")
    before = len(shop.said)
    again = shop.sell(ada, key="once")
    assert again.id == first.id
    assert shop.topics(before) == []


def test_two_subscriptions_of_a_customer_are_two_bills() -> None:
    shop = Shop()
    shop.price()
    shop.price("gold-weekly", 300, "week")
    ada = shop.register()
    shop.sell(ada)
    shop.sell(ada, "gold-weekly")
    shop.until(at("2026-01-31"))
    assert [invoice.total for invoice in shop.invoices()] == [1000, 300, 300, 300, 300, 300]
    assert [invoice.ordinal for invoice in shop.invoices()] == [1, 2, 3, 4, 5, 6]


def _start(shop: Shop, customer: str, **body: object) -> Subscription:
    request = StartSubscription.model_validate({"customer": customer, **body})
    found = shop.client(lambda unit: start(unit, request), customer)
    assert isinstance(found, Subscription)
    return found


def test_a_bundle_and_a_currency_name_the_price_where_there_is_one() -> None:
    shop = Shop()
    shop.price()
    ada = shop.register()
    assert _start(shop, ada, bundle="gold", currency="EUR").terms.price == "gold-monthly"
    shop.price("gold-yearly", 9000, "year")
    with pytest.raises(RuleViolated, match="ambiguous_price"):
        _start(shop, ada, bundle="gold", currency="EUR")


@pytest.mark.parametrize(
    ("body", "error", "code", "pointer"),
    [
        ({}, RuleViolated, "price_missing", "/price"),
        ({"price": "none"}, NotFound, "price_not_found", "/price"),
        ({"bundle": "none", "currency": "EUR"}, NotFound, "bundle_not_found", "/bundle"),
        ({"bundle": "gold", "currency": "USD"}, RuleViolated, "no_price", "/currency"),
        ({"price": "gold-monthly", "bundle": "silver"}, RuleViolated, "price_of_another_bundle", "/price"),
        ({"price": "gold-monthly", "currency": "USD"}, RuleViolated, "no_price", "/currency"),
        ({"price": "gold-monthly", "start_at": "2027-01-01T00:00:00Z"}, RuleViolated, "date_in_future", "/start_at"),
        ({"price": "gold-monthly", "start_at": "2025-01-01T00:00:00Z"}, RuleViolated, "backdating_not_permitted", "/start_at"),
        (
            {"price": "gold-monthly", "history_until": "2025-01-01T00:00:00Z"},
            RuleViolated,
            "backdating_not_permitted",
            "/history_until",
        ),
    ],
)
def test_a_sale_that_cannot_be_appends_nothing(body: dict[str, str], error: type[Exception], code: str, pointer: str) -> None:
    shop = Shop()
    shop.price()
    ada = shop.register()
    before = len(shop.said)
    with pytest.raises(error) as refused:
        _start(shop, ada, **body)
    assert (refused.value.code, refused.value.pointer) == (code, pointer)  # type: ignore[attr-defined]
    assert shop.topics(before) == []


def test_a_start_too_long_ago_is_refused_before_it_is_a_flood() -> None:
    shop = Shop()
    shop.price("daily", 1, "day")
    ada = shop.register()
    with pytest.raises(RuleViolated, match="too_many_periods"):
        shop.sell(ada, "daily", start_at=at("2022-01-01"), may_backdate=True)
    with pytest.raises(RuleViolated, match="too_many_periods"):
        shop.sell(ada, "daily", start_at=at("2022-01-01"), history_until=at("2022-01-02"), may_backdate=True)


def test_a_sale_to_nobody_points_at_the_customer() -> None:
    shop = Shop()
    shop.price()
    with pytest.raises(NotFound) as refused:
        _start(shop, customer_of("web", "nobody"), price="gold-monthly")
    assert refused.value.pointer == "/customer"


def test_the_amount_of_each_attempt_is_what_the_invoice_has_open() -> None:
    shop = Shop(provider=silent)
    shop.price()
    shop.sell(shop.register())
    payment = shop.get(Payment, shop.payments()[0].id)
    assert payment.attempt is not None
    assert payment.attempt.amount == payment.amount
    assert payment.attempt.key == f"{payment.id}-1"
