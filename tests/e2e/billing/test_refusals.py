"""What cannot be billed is refused by a problem that says where, or what may be done instead."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.billing.shop import Account, Body, Shop, Sold, refused


def where(problem: Body) -> tuple[int, str, list[str]]:
    return problem["status"], problem["code"], [error["pointer"] for error in problem.get("errors", [])]


@pytest.fixture
def ada(shop: Shop) -> Account:
    return shop.account("2026-01-01")


@pytest.fixture
def plan(shop: Shop, ada: Account) -> Sold:
    """A term of three months, changed on 11 January."""
    plan = ada.buys(shop.price("10", "month", term_periods=3))
    ada.on("2026-01-11")
    plan.does("change", quantity="2")
    ada.on("2026-01-21")
    return plan


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({"bundle": True, "currency": "EUR"}, "no-price", "/currency"),
        ({"currency": "EUR", "price": True}, "no-price", "/currency"),
        ({"price": "nowhere"}, "price-not-found", "/price"),
        ({"price": True, "quantity": "-1"}, "invalid-request", "/quantity"),
        ({"price": True, "quantity": "1e40"}, "invalid-request", "/quantity"),
        ({"price": True, "quantity": "1000000000000"}, "amount-too-large", "/quantity"),
        ({"price": True, "billing_day": 32}, "invalid-request", "/billing_day"),
        ({"price": True, "start_at": "2026-01-02T00:00:00Z"}, "date-in-future", "/start_at"),
        ({"price": True, "add_ons": [{"id": "base", "price": True}]}, "id-taken", "/add_ons/0/id"),
        ({"price": True, "add_ons": [{"id": "a", "price": "euros"}]}, "other-currency", "/add_ons"),
        ({"price": True, "add_ons": [{"id": "a", "price": True, "quantity": "999999999999"}]}, "amount-too-large",
         "/add_ons/0/quantity"),
        ({"price": True, "coupons": ["nowhere"]}, "coupon-not-found", "/coupons/0"),
        ({"price": True, "coupons": ["sale", "sale"]}, "coupon-used", "/coupons/1"),
    ],
)  # fmt: skip
def test_a_start(shop: Shop, ada: Account, body: dict[str, Any], code: str, pointer: str) -> None:
    given = {"bundle": shop.storefront, "price": shop.price("10", "month"), "euros": shop.price("9", "month", currency="EUR")}
    if body.get("currency") == "EUR":
        given["bundle"] = shop.opens().storefront
        shop.price("10", "month")
        ada = shop.account("2026-01-01")
    coupon = shop.coupon(percent="10")

    def named(value: Any) -> Any:
        if isinstance(value, list):
            return [named(each) for each in value]
        if isinstance(value, dict):
            return {name: given.get(name) if each is True else named(each) for name, each in value.items()}
        return {"euros": given["euros"], "sale": coupon}.get(value, value)

    answer = shop.post("/v1/subscriptions", {"customer": ada.id, **named(body)})
    assert where(refused(answer)) == (422, code, [pointer])


@pytest.mark.parametrize(
    ("verb", "body", "code", "pointer"),
    [
        ("change", {"quantity": "-2"}, "invalid-request", "/quantity"),
        ("change", {"quantity": "999999999999"}, "amount-too-large", "/quantity"),
        ("change", {"price": "nowhere"}, "price-not-found", "/price"),
        ("change", {"quantity": "3", "at": "2026-01-10"}, "date-before-last-change", "/at"),
        ("change", {"quantity": "3", "at": "2026-04-01"}, "date-after-end", "/at"),
        ("cancel", {"at": "2026-01-10"}, "date-before-last-change", "/at"),
        ("cancel", {"at": "2025-12-31"}, "date-before-last-change", "/at"),
        ("cancel", {"at": "2026-04-02"}, "date-after-end", "/at"),
        ("pause", {"resumes_at": "2026-01-20"}, "date-in-past", "/resumes_at"),
        ("apply-coupon", {"coupon": "nowhere"}, "coupon-not-found", "/coupon"),
    ],
)
def test_a_date_or_an_amount(plan: Sold, verb: str, body: Body, code: str, pointer: str) -> None:
    assert where(plan.refused(verb, **body)) == (422, code, [pointer])


def test_a_coupon_twice(shop: Shop, plan: Sold) -> None:
    coupon = shop.coupon(percent="50", periods=1)
    plan.does("apply-coupon", coupon=coupon)
    assert where(plan.refused("apply-coupon", coupon=coupon)) == (422, "coupon-used", ["/coupon"])


def test_more_credit_than_was_billed(shop: Shop, plan: Sold) -> None:
    first = plan.account.invoices()[0]
    note = {"lines": [{"line": 1, "amount": 1001}], "reason": "Too much"}
    assert where(refused(shop.post(f"/v1/invoices/{first['id']}/credit-notes", note))) == (
        422, "more-than-billed", ["/lines/0/amount"]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("before", "verb", "body", "code"),
    [
        ([], "resume", {}, "not-paused"),
        ([], "uncancel", {}, "no-cancellation-scheduled"),
        ([], "withdraw-change", {}, "no-change-scheduled"),
        ([], "trial", {}, "wrong-subscription-state"),
        ([], "change", {"quantity": "2"}, "nothing-changed"),
        ([("pause", {})], "pause", {}, "paused"),
        ([("cancel", {"at": "period_end"})], "cancel", {"at": "period_end"}, "end-already-scheduled"),
    ],
)
def test_what_is_no_way_from_here(plan: Sold, before: list[tuple[str, Body]], verb: str, body: Body, code: str) -> None:
    for earlier, given in before:
        plan.does(earlier, **given)
    problem = plan.refused(verb, **body)
    assert (problem["status"], problem["code"]) == (409, code)
    assert {"cancel", "change", "pause", "renew"} <= set(problem["allowed_transitions"])


@pytest.mark.parametrize("verb", ["cancel", "change", "pause", "resume", "renew", "trial", "uncancel"])
def test_what_has_ended(plan: Sold, verb: str) -> None:
    plan.does("cancel", at="now")
    body = {"cancel": {"at": "now"}, "change": {"quantity": "5"}}.get(verb, {})
    problem = plan.refused(verb, **body)
    assert (problem["status"], problem["allowed_transitions"]) == (409, [])
