"""``?dry_run=true``: what a command would do is answered, and nothing is done."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from commands.api_docs import previewed
from infra.http import resources
from tests.e2e.commands.conftest import Api

JANUARY, ELEVENTH = "2026-01-01T00:00:00Z", "2026-01-11T00:00:00Z"
ADA = {"storefront": "web", "personal": {"name": "Ada Lovelace"}}


@pytest.fixture
def mid_period(api: Api) -> dict[str, Any]:
    """A subscription for 31.00 a month, ten days old, in a shop that sells for 62.00 as well."""
    for id, amount in (("basic", 3100), ("plus", 6200)):
        money = {"amount": amount, "currency": "EUR"}
        api.as_admin().done("/v1/prices", {"id": id, "bundle": "gold", "amount": money, "interval": {"unit": "month"}})
    api.done("/v1/test-clocks", {"id": "clock", "now": JANUARY})
    sold = api.subscription(api.customer(test_clock="clock"), price="basic")
    api.done("/v1/test-clocks/clock/advance", {"now": ELEVENTH})
    return sold


def preview(api: Api, path: str, body: Any, *, key: str | None = None, **headers: str) -> dict[str, Any]:
    """What a dry run answers, without a key where none is given."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = api.request("POST", f"{path}?dry_run=true", key=key, json=body, headers=named)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def amounts(lines: list[dict[str, Any]]) -> list[tuple[str, int]]:
    """Of an invoice's lines, as it is answered or as it is stored."""
    return [(line["kind"], line["amount"]["amount"] if isinstance(line["amount"], dict) else line["amount"]) for line in lines]


def test_a_change_is_shown_to_the_cent_and_then_done_so(api: Api, mid_period: dict[str, Any]) -> None:
    path, customer = f"/v1/subscriptions/{mid_period['id']}/change", mid_period["customer"]
    before = api.records(customer)
    # when it is asked what a change would do
    shown = preview(api, path, {"price": "plus"}, key="up", If_Match="*")
    # then it says what it takes back, and what is owed instead
    (invoice,) = shown["invoices"]
    assert amounts(invoice["lines"]) == [("credit", -2100), ("proration", 4200)]
    assert (invoice["status"], invoice["open"]["amount"], shown["resource"]["price"]) == ("open", 2100, "plus")
    assert shown["resource"]["version"] > mid_period["version"]
    # and nothing is done
    assert api.records(customer) == before
    # until it is sent: then it is what was shown, to the letter
    api.done(path, {"price": "plus"}, key="up", If_Match="*")
    assert shown["events"] == [
        {"type": record.attributes["type"], "stream": record.attributes["subject"], "data": orjson.loads(record.value)}
        for record in api.records(customer)[len(before) :]
        if record.attributes["commandid"].startswith("client:")
    ]


def test_previews_are_as_documented(api: Api, mid_period: dict[str, Any]) -> None:
    shown = preview(api, f"/v1/subscriptions/{mid_period['id']}/cancel", {"at": "now", "credit": True})
    model = previewed(resources.Subscription)
    assert model.model_validate_json(orjson.dumps(shown)).model_dump(mode="json") == shown


def test_a_charge_that_is_only_asked_about_is_not_made(api: Api) -> None:
    customer = api.customer("sim_decline")
    api.subscription(customer)
    invoice = api.wait_for(customer, "invoice.issued").attributes["subject"]
    api.wait_for(customer, "subscription.grace_entered")
    before = api.records(customer)
    shown = preview(api, f"/v1/invoices/{invoice}/payments", {"kind": "charge"})
    assert (shown["resource"]["state"], [event["type"].rpartition(".")[0] for event in shown["events"]]) == (
        "pending", ["payment.requested", "payment.attempt_started"],
    )  # fmt: skip
    preview(api, f"/v1/customers/{customer}", {"timezone": "UTC"})  # behind whatever might have followed
    assert api.records(customer) == before


def test_personal_data_is_shown_as_it_was_sent_and_sealed_in_events(api: Api) -> None:
    shown = preview(api, "/v1/customers", ADA)
    assert shown["resource"]["personal"]["name"] == "Ada Lovelace"
    assert "Ada" not in str(shown["events"])
    assert api.get(f"/v1/customers/{shown['resource']['id']}").status_code in (404, 405)


def test_a_key_is_not_used_up(api: Api) -> None:
    body = {"customer": api.customer(), "price": "monthly"}
    shown = api.post("/v1/subscriptions?dry_run=true", body, key="order").json()
    answer = api.post("/v1/subscriptions", body, key="order")
    # then the command is no replay, and makes what was shown
    assert "idempotent-replayed" not in answer.headers
    assert answer.json()["id"] == shown["resource"]["id"]
    assert api.wait_for(body["customer"], "invoice.issued").attributes["subject"] == shown["invoices"][0]["id"]


def test_what_was_done_before_would_do_nothing(api: Api) -> None:
    body = {"customer": api.customer(), "price": "monthly"}
    sold = api.done("/v1/subscriptions", body, key="order")
    again = api.post("/v1/subscriptions?dry_run=true", body, key="order")
    del sold["receipt"]
    assert again.json() == {"object": "preview", "resource": sold, "events": [], "invoices": []}
    assert again.headers["idempotent-replayed"] == "true"
    other = api.post("/v1/subscriptions?dry_run=true", body | {"quantity": "2"}, key="order")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency-key-reused")


def test_dry_run_false_does_it(api: Api) -> None:
    answer = api.post("/v1/customers?dry_run=false", ADA)
    assert (answer.status_code, answer.json()["object"]) == (201, "customer")


@pytest.mark.parametrize(
    ("status", "code", "path", "body", "headers"),
    [
        (404, "not-found", "/v1/subscriptions/sub_none/cancel", {"at": "now"}, {}),
        (412, "version-mismatch", "/v1/subscriptions/{id}/cancel", {"at": "now"}, {"If-Match": '"99"'}),
        (428, "if-match-missing", "/v1/subscriptions/{id}/change", {"price": "plus"}, {}),
        (409, "no-cancellation-scheduled", "/v1/subscriptions/{id}/uncancel", {}, {}),
        (422, "price-not-found", "/v1/subscriptions/{id}/change", {"price": "none"}, {"If-Match": "*"}),
        (401, "unauthenticated", "/v1/subscriptions/{id}/cancel", {"at": "now"}, {"Authorization": "Bearer none"}),
    ],
)
def test_what_is_refused_is_refused_so(
    api: Api, mid_period: dict[str, Any], status: int, code: str, path: str, body: Any, headers: dict[str, str]
) -> None:
    for query, key in (("", "k"), ("?dry_run=true", None)):
        answer = api.request("POST", path.format(id=mid_period["id"]) + query, json=body, headers=headers, key=key)
        assert (answer.status_code, answer.json()["code"]) == (status, code), query


@pytest.mark.parametrize(
    "query", ["dry_run", "dry_run=", "dry_run=1", "dry_run=True", "dry_run=true&dry_run=true", "dryrun=true"]
)
def test_what_else_the_query_may_say_is_refused(api: Api, query: str) -> None:
    answer = api.request("POST", f"/v1/customers?{query}", json=ADA)
    assert (answer.status_code, answer.json()["errors"][0]["in"]) == (422, "query")


def test_a_batch_is_no_place_for_dry_runs(api: Api) -> None:
    line = orjson.dumps({"idempotency_key": "k", "path": "/v1/customers?dry_run=true", "body": ADA})
    media = {"Content-Type": "application/x-ndjson"}
    answer = api.request("POST", "/v1/commands:batch", content=line, headers=media)
    assert orjson.loads(answer.content)["status"] == 422
    assert api.request("POST", "/v1/commands:batch?dry_run=true", content=line, headers=media).status_code == 422
