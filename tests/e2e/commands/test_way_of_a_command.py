"""What every command has in common: answers, replays, versions, positions."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor

import orjson
import pytest
from pydantic import BaseModel

from infra.http import resources
from tests.e2e.commands.conftest import Api


def test_an_answer_is_the_resource_with_its_receipt(api: Api) -> None:
    answer = api.post("/v1/customers", {"storefront": "web", "external_id": "u-1", "personal": {"name": "Ada"}})
    body = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/v1/customers/{body['id']}"
    assert answer.headers["etag"] == '"1"'
    assert answer.headers["ledger-position"] == body["receipt"]["position"]
    assert "idempotent-replayed" not in answer.headers
    assert body["receipt"] == {
        "stream": body["id"], "version": 1, "position": body["receipt"]["position"], "event_hash": body["receipt"]["event_hash"],
    }  # fmt: skip
    assert len(body["receipt"]["event_hash"]) == 64
    assert body["personal"] == {"name": "Ada", "email": None, "phone": None, "address": None}


def fits(model: type[BaseModel], body: dict[str, object]) -> None:
    """The body is what the model would write, to the letter."""
    bare = {name: value for name, value in body.items() if name not in ("receipt", "key", "positions")}
    assert model.model_validate_json(orjson.dumps(bare)).model_dump(mode="json") == bare


def test_every_body_is_as_documented(api: Api) -> None:
    admin = api.as_admin()
    customer = api.customer(personal={"email": "ada@example.com"}, timezone="Europe/Berlin")
    sold = api.subscription(customer)
    past = api.subscription(api.customer(None), start_at="2025-01-31T00:00:00+02:00")
    fits(resources.Customer, api.done(f"/v1/customers/{customer}", {"timezone": "UTC"}))
    fits(resources.Subscription, sold)
    fits(resources.Subscription, past)
    assert past["started_at"] == "2025-01-30T22:00:00Z"
    fits(resources.Subscription, api.done(f"/v1/subscriptions/{sold['id']}/cancel", {"at": "period_end"}))
    fits(resources.Storefront, admin.done("/v1/storefronts/web", {"name": "Shop"}))
    fits(resources.ApiKey, admin.done("/v1/api-keys", {"name": "k"}))
    id = f"x{uuid.uuid4().hex[:8]}"
    fits(resources.Tenant, api.as_admin(id).done("/v1/tenants", {"id": id, "name": "Y"}))
    fits(resources.Entitlement, admin.done("/v1/entitlements", {"id": "four-k", "kind": "tier", "name": "4K"}))
    grants = [{"entitlement": "four-k", "value": "uhd"}]
    fits(resources.Bundle, admin.done("/v1/bundles", {"storefront": "web", "name": "B", "grants": grants}))
    terms = {"interval": {"unit": "week", "count": 2}, "trial_days": 3, "term_periods": 9}
    fits(resources.Price, admin.done("/v1/prices/monthly/versions", {"amount": {"amount": 1, "currency": "EUR"}, **terms}))
    fits(resources.TestClock, api.done("/v1/test-clocks", {"now": "2026-01-01T00:00:00.25Z"}))


def test_the_same_key_and_body_is_a_replay(api: Api) -> None:
    body = {"customer": api.customer(), "price": "monthly"}
    first = api.post("/v1/subscriptions", body, key="once")
    api.done(f"/v1/subscriptions/{first.json()['id']}/cancel", {"at": "now"})
    again = api.post("/v1/subscriptions", dict(reversed(body.items())), key='"once"')
    assert (again.status_code, again.headers["idempotent-replayed"]) == (201, "true")
    assert again.json() == first.json()
    for name in ("etag", "location", "ledger-position"):
        assert again.headers[name] == first.headers[name]


def test_the_same_key_with_another_body_is_refused(api: Api) -> None:
    customer = api.customer()
    api.done("/v1/subscriptions", {"customer": customer, "price": "monthly"}, key="once")
    other = api.post("/v1/subscriptions", {"customer": customer, "bundle": "gold", "currency": "EUR"}, key="once")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency-key-reused")


def test_a_refusal_is_judged_afresh(api: Api) -> None:
    customer = api.customer()
    body = {"customer": customer, "price": "yearly"}
    assert api.post("/v1/subscriptions", body, key="k").status_code == 422
    money = {"amount": 9900, "currency": "EUR"}
    api.as_admin().done("/v1/prices", {"id": "yearly", "bundle": "gold", "amount": money, "interval": {"unit": "year"}})
    assert api.post("/v1/subscriptions", body, key="k").status_code == 201


def test_racing_duplicates_do_it_once(api: Api) -> None:
    body = {"customer": api.customer(), "price": "monthly"}
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: api.post("/v1/subscriptions", body, key="race"), range(16)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    assert sum("idempotent-replayed" not in answer.headers for answer in answers) == 1


@pytest.mark.parametrize("path", ["/v1/subscriptions", "/v1/subscriptions/sub_x/cancel", "/v1/invoices/inv_x/payments"])
def test_where_money_moves_a_key_is_required(api: Api, path: str) -> None:
    bodies = {"/v1/subscriptions": {"customer": "c"}, "/v1/subscriptions/sub_x/cancel": {"at": "now"}}
    answer = api.request("POST", path, json=bodies.get(path, {"kind": "charge"}))
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency-key-missing")


@pytest.mark.parametrize("key", ['"open', "a b", '""', '"a"x', "x" * 256, '"\\a"', "ä"])
def test_a_key_that_cannot_be_read(api: Api, key: str) -> None:
    answer = api.request("POST", "/v1/customers", json={"storefront": "web"}, headers={b"Idempotency-Key": key.encode()})
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed-header")


class TestIfMatch:
    def test_the_present_version(self, api: Api) -> None:
        customer = api.customer()
        answer = api.post(f"/v1/customers/{customer}", {"timezone": "UTC"}, If_Match='"1"')
        assert (answer.status_code, answer.headers["etag"]) == (200, '"2"')

    @pytest.mark.parametrize("tag", ['"7"', 'W/"1"', '"01"', '"abc"', '"0"', '"99999999999999999999"'])
    def test_another_version_is_told_the_present_one(self, api: Api, tag: str) -> None:
        customer = api.customer()
        answer = api.post(f"/v1/customers/{customer}", {"timezone": "UTC"}, If_Match=tag)
        assert (answer.status_code, answer.headers["etag"]) == (412, '"1"')

    def test_any_version(self, api: Api) -> None:
        assert api.post(f"/v1/customers/{api.customer()}", {"timezone": "UTC"}, If_Match="*").status_code == 200

    @pytest.mark.parametrize("tag", ["1", '"1', "", '"1", 2'])
    def test_garbage(self, api: Api, tag: str) -> None:
        answer = api.post(f"/v1/customers/{api.customer()}", {"timezone": "UTC"}, If_Match=tag)
        assert (answer.status_code, answer.json()["code"]) == (400, "malformed-header")

    def test_a_replay_wins_over_a_stale_version(self, api: Api) -> None:
        path = f"/v1/customers/{api.customer()}"
        api.done(path, {"timezone": "UTC"}, key="k", If_Match='"1"')
        again = api.post(path, {"timezone": "UTC"}, key="k", If_Match='"1"')
        assert (again.status_code, again.headers["idempotent-replayed"]) == (200, "true")

    def test_catalog_items_and_invoices_have_versions_too(self, api: Api) -> None:
        assert api.as_admin().post("/v1/storefronts/web", {"name": "x"}, If_Match='"9"').status_code == 412
        assert api.as_admin().post("/v1/storefronts/web", {"name": "x"}, If_Match='"1"').status_code == 200
        version = {"amount": {"amount": 1, "currency": "EUR"}, "interval": {"unit": "month"}}
        assert api.as_admin().post("/v1/prices/monthly/versions", version, If_Match='"1"').status_code == 400


class TestPositions:
    def test_the_catalog_is_waited_for(self, api: Api) -> None:
        money = {"amount": 1, "currency": "USD"}
        body = {"id": "usd", "bundle": "gold", "amount": money, "interval": {"unit": "month"}}
        position = api.as_admin().post("/v1/prices", body).headers["ledger-position"]
        assert position.startswith("catalog@")
        sold = api.post(
            "/v1/subscriptions", {"customer": api.customer(), "price": "usd"}, Ledger_Min_Position=f"1@999999, {position}"
        )
        assert sold.status_code == 201

    def test_in_vain(self, api: Api) -> None:
        answer = api.post("/v1/customers", {"storefront": "web"}, Ledger_Min_Position="catalog@999999", Prefer="wait=0")
        assert (answer.status_code, answer.json()["code"], answer.json()["retryable"]) == (503, "catalog-behind", True)
        assert answer.headers["retry-after"] == "1"

    def test_garbage(self, api: Api) -> None:
        assert api.post("/v1/customers", {"storefront": "web"}, Ledger_Min_Position="soon").status_code == 422
