"""Charges over HTTP: 201, 402, 202; and what their replays say."""

from __future__ import annotations

import orjson
import pytest

from infra.eventlog.record import Record
from infra.http import resources
from tests.e2e.commands.conftest import Api

CHARGE = {"kind": "charge"}


def owing(api: Api, token: str | None, **outcome: str) -> tuple[str, str]:
    """A customer and the invoice whose first charge failed; ``token`` is the method from then on."""
    customer = api.customer("sim_decline")
    api.subscription(customer)
    failed = api.wait_for(customer, outcome.get("until", "payment.attempt_failed"))
    method = {"provider": "simulator", "token": token} if token else None
    api.done(f"/v1/customers/{customer}/payment-method", {"payment_method": method})
    assert failed
    return customer, api.wait_for(customer, "invoice.issued").attributes["subject"]


def types(records: list[Record]) -> list[str]:
    return [record.attributes["type"].removesuffix(".v1") for record in records]


def test_a_charge_that_is_captured(api: Api) -> None:
    customer, invoice = owing(api, "sim_ok")
    answer = api.post(f"/v1/invoices/{invoice}/payments", CHARGE)
    body = answer.json()
    assert (answer.status_code, body["state"], body["applied"]["amount"]) == (201, "captured", 999)
    assert answer.headers["location"] == f"/v1/payments/{body['id']}"
    assert answer.headers["etag"] == f'"{body["version"]}"'
    bare = {name: value for name, value in body.items() if name != "receipt"}
    assert resources.Payment.model_validate_json(orjson.dumps(bare)).model_dump(mode="json") == bare
    partition, sequence = answer.headers["ledger-position"].split("@")
    captured = api.wait_for(customer, "payment.captured")
    assert (captured.partition, captured.sequence <= int(sequence)) == (partition, True)
    assert body["receipt"]["stream"] == body["id"]
    assert types(api.records(customer))[-3:] == ["invoice.payment_applied", "payment.abandoned", "subscription.reinstated"]


def test_a_charge_that_is_declined_is_remembered_and_replayed(api: Api) -> None:
    customer, invoice = owing(api, "sim_expired")
    answer = api.post(f"/v1/invoices/{invoice}/payments", CHARGE, key="k")
    body = answer.json()
    assert (answer.status_code, body["code"], body["decline_code"]) == (402, "charge-declined", "expired_card")
    assert answer.headers["location"] == f"/v1/payments/{body['payment']}"
    assert answer.headers["content-type"] == "application/problem+json"
    written = len(api.records(customer))
    again = api.post(f"/v1/invoices/{invoice}/payments", CHARGE, key="k")
    assert (again.status_code, again.headers["idempotent-replayed"]) == (402, "true")
    assert again.json()["payment"] == body["payment"]
    assert len(api.records(customer)) == written


def test_a_charge_without_a_method_is_declined_at_once(api: Api) -> None:
    _, invoice = owing(api, None)
    answer = api.post(f"/v1/invoices/{invoice}/payments", CHARGE)
    assert (answer.status_code, answer.json()["decline_code"]) == (402, "no_payment_method")


def test_a_charge_without_an_outcome_is_accepted(api: Api) -> None:
    _, invoice = owing(api, "sim_unknown")
    answer = api.post(f"/v1/invoices/{invoice}/payments", CHARGE, key="k", Prefer="wait=1")
    assert (answer.status_code, answer.json()["state"]) == (202, "unknown")
    assert answer.headers["location"].startswith("/v1/payments/pay_")
    again = api.post(f"/v1/invoices/{invoice}/payments", CHARGE, key="k")
    assert (again.status_code, again.headers["idempotent-replayed"]) == (202, "true")
    other = api.post(f"/v1/invoices/{invoice}/payments", CHARGE)
    assert (other.status_code, other.json()["code"]) == (409, "payment-in-progress")


def test_money_from_elsewhere(api: Api) -> None:
    _, invoice = owing(api, "sim_ok")
    body = {"kind": "recorded", "amount": {"amount": 1200, "currency": "EUR"}, "reference": "RF18"}
    answer = api.post(f"/v1/invoices/{invoice}/payments", body, If_Match='"1"')
    paid = answer.json()
    assert (answer.status_code, paid["state"], paid["applied"]["amount"], paid["surplus"]["amount"]) == (
        201,
        "recorded",
        999,
        201,
    )
    later = api.post(f"/v1/invoices/{invoice}/payments", body)
    assert (later.status_code, later.json()["code"]) == (409, "invoice-paid")
    assert api.post(f"/v1/invoices/{invoice}/payments", body, If_Match='"1"').status_code == 412


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({"amount": {"amount": 1, "currency": "USD"}}, "other-currency", "/amount/currency"),
        ({"amount": {"amount": 0, "currency": "EUR"}}, "nothing-paid", "/amount/amount"),
        ({"amount": {"amount": 1, "currency": "EUR"}, "paid_at": "2999-01-01T00:00:00Z"}, "date-in-future", "/paid_at"),
    ],
)
def test_money_that_cannot_be_taken(api: Api, body: dict[str, object], code: str, pointer: str) -> None:
    _, invoice = owing(api, "sim_ok")
    answer = api.post(f"/v1/invoices/{invoice}/payments", {"kind": "recorded", **body})
    assert (answer.status_code, answer.json()["code"], answer.json()["errors"][0]["pointer"]) == (422, code, pointer)


def test_who_and_why_are_recorded(api: Api) -> None:
    customer = api.customer()
    api.done(f"/v1/customers/{customer}", {"timezone": "UTC"}, Ledger_Reason="moved", traceparent=f"00-{'a' * 32}-{'b' * 16}-01")
    record = api.wait_for(customer, "customer.changed")
    assert record.attributes["actor"].startswith("api_key:key_")
    assert record.attributes["reason"] == "moved"
    assert record.attributes["traceparent"].split("-")[1] == "a" * 32


def test_no_personal_data_and_no_key_stands_in_the_clear(api: Api) -> None:
    customer = api.customer(personal={"name": "Ada Lovelace", "email": "ada@example.com"}, external_id="u-1")
    api.done(f"/v1/customers/{customer}", {"personal": {"email": "ada@example.org"}}, key="ada@example.com")
    for record in api.records(customer):
        everything = f"{record.key} {record.attributes} {record.value!r}"
        assert "ada@" not in everything
        assert "Lovelace" not in everything


def test_a_cancelled_subscription_says_what_is_allowed(api: Api) -> None:
    sold = api.subscription(api.customer())
    api.done(f"/v1/subscriptions/{sold['id']}/cancel", {"at": "now"})
    answer = api.post(f"/v1/subscriptions/{sold['id']}/cancel", {"at": "now"})
    assert (answer.status_code, answer.json()["allowed_transitions"]) == (409, [])
