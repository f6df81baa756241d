"""The catalog's items: what each first event says, and what may change."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from domain.catalog.aggregates import ApiKey, Bundle, Clock, Entitlement, Price, Storefront, Tenant
from domain.catalog.policy import BillingPolicy, DunningPolicy
from domain.catalog.terms import Grant, Interval
from domain.errors import RuleViolated, WrongState
from domain.event import Aggregate
from tests.unit.domain.make import DAY, JAN_1, PREMIUM, at, terms
from tests.unit.domain.scenario import fold, said, taken, when

POLICIES: dict[str, Any] = {"billing": BillingPolicy(), "dunning": DunningPolicy()}
STORE: dict[str, Any] = {"name": "Web", "timezone": "UTC", "payment_provider": "simulator", "retry_after_s": (DAY,), **POLICIES}


def items() -> list[tuple[Aggregate, str, dict[str, Any]]]:
    """One of each: the item, its stream and what its first event says beside the tenant."""
    return [
        (Tenant.create("acme", "Acme", JAN_1), "acme/tenant/acme", {"name": "Acme"}),
        (Storefront.create("acme", "web", **STORE, now=JAN_1), "acme/storefront/web", {"storefront": "web", **STORE}),
        (
            Entitlement.define("acme", "premium", kind="flag", name="Premium", now=JAN_1),
            "acme/entitlement/premium",
            {"entitlement": "premium", "kind": "flag", "name": "Premium"},
        ),
        (
            Bundle.define("acme", "gold", storefront="web", name="Gold", grants=(PREMIUM,), now=JAN_1),
            "acme/bundle/gold",
            {"bundle": "gold", "storefront": "web", "name": "Gold", "grants": (PREMIUM,)},
        ),
        (
            Price.publish("acme", "web", terms(price_version=2), JAN_1),
            "acme/price/gold-monthly@2",
            {"price": "gold-monthly", "storefront": "web", "terms": terms(price_version=2)},
        ),
        (
            ApiKey.issue("acme", "key_1", name="shop", permissions=("read", "write"), secret_hash="ab" * 32, now=JAN_1),
            "acme/api-key/key_1",
            {"api_key": "key_1", "name": "shop", "permissions": ("read", "write"), "secret_hash": "ab" * 32},
        ),
        (
            Clock.create("acme", "clk_1", name="year end", at=at("2025-12-31"), now=JAN_1),
            "acme/clock/clk_1",
            {"clock": "clk_1", "name": "year end", "now": at("2025-12-31")},
        ),
    ]


@pytest.mark.parametrize(("item", "stream", "fields"), items(), ids=lambda value: value if isinstance(value, str) else "")
def test_the_first_event_says_all(item: Aggregate, stream: str, fields: dict[str, Any]) -> None:
    [event] = taken(item)
    assert (event.originator_id, event.originator_version) == (stream, 1)
    assert said(event)[1] == {"tenant": "acme", **fields}
    assert fold([event], type(item)) == item


def test_a_storefront_is_changed_as_a_whole() -> None:
    store = Storefront.create("acme", "web", **STORE, now=JAN_1)
    other: dict[str, Any] = {
        "name": "Shop",
        "timezone": "Europe/Paris",
        "payment_provider": "simulator",
        "retry_after_s": (),
        "billing": BillingPolicy(payment_terms_days=14),
        "dunning": DunningPolicy(give_up_after_days=30),
    }
    assert when(store, lambda s: s.change(**other, now=JAN_1)) == [("storefront.changed.v2", other)]
    assert {name: getattr(store, name) for name in other} == other


def test_a_key_is_revoked_once() -> None:
    key = ApiKey.issue("acme", "key_1", name="shop", permissions=("read",), secret_hash="ab" * 32, now=JAN_1)
    assert key.revoked_at is None
    assert when(key, lambda k: k.revoke(at("2026-02-01"))) == [("api_key.revoked.v1", {"revoked_at": at("2026-02-01")})]
    with pytest.raises(WrongState) as refused:
        key.revoke(at("2026-02-02"))
    assert refused.value.code == "api_key_revoked"


def test_a_clock_moves_forward_only() -> None:
    clock = Clock.create("acme", "clk_1", name="", at=JAN_1, now=JAN_1)
    assert when(clock, lambda c: c.advance(at("2026-02-01"), JAN_1)) == [("clock.advanced.v1", {"now": at("2026-02-01")})]
    clock.advance(at("2026-02-01"), JAN_1)  # standing still is allowed
    with pytest.raises(RuleViolated) as refused:
        clock.advance(at("2026-01-31"), JAN_1)
    assert (refused.value.code, refused.value.pointer) == ("clock_backwards", "/now")
    assert clock.now == at("2026-02-01")


@pytest.mark.parametrize("value", [True, False, 0, 5, 10**12, "gold"])
def test_a_grants_value_keeps_its_type(value: Any) -> None:
    stored = Grant.model_validate_json(Grant(entitlement="e", kind="flag", value=value).model_dump_json()).value
    assert (stored, type(stored)) == (value, type(value))


@pytest.mark.parametrize("value", [None, -1, 10**12 + 1, "", "x" * 201, 1.5, []])
def test_what_a_grant_cannot_be_worth(value: Any) -> None:
    with pytest.raises(ValidationError):
        Grant(entitlement="e", kind="quota", value=value)


@pytest.mark.parametrize(
    "changes",
    [{"trial_days": -1}, {"trial_days": 1.0}, {"term_periods": 0}, {"term_periods": 1201}, {"interval": {"unit": "hour"}}],
    ids=str,
)
def test_what_terms_cannot_be(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        terms(**changes)


@pytest.mark.parametrize("count", [0, 367, "1", 1.0])
def test_what_an_interval_cannot_count(count: Any) -> None:
    with pytest.raises(ValidationError):
        Interval(unit="day", count=count)
