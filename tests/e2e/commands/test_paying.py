"""Charges over HTTP: 201, 402, 202; and what their replays say."""

from __future__ import annotations

import orjson
import pytest

from infra.eventlog.record import Record
from infra.http import resources
from tests.e2e.commands.conftest import Api

CHARGE = {"kind": "charge"}


def owing(api: Api, then: str) -> tuple[str, str]:
    """A customer and the invoice whose first charge failed; what ``then`` becomes of the next one."""
    customer = api.customer(f"sim_decline_{then}")
    api.subscription(customer)
    api.wait_for(customer, "payment.attempt_failed")
    return customer, api.wait_for(customer, "invoice.issued").attributes["subject"]


def types(records: list[Record]) -> list[str]:
    return [record.attributes["type"].rpartition(".")[0] for record in records]


def test_a_charge_that_is_captured(api: Api) -> None:
    customer, invoice = owing(api, "ok")
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
    customer, invoice = owing(api, "expired")
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
    customer, invoice = owing(api, "ok")
    api.done(f"/v1/customers/{customer}/payment-method", {"payment_method": None})
    answer = api.post(f"/v1/invoices/{invoice}/payments", CHARGE)
    assert (answer.status_code, answer.json()["decline_code"]) == (402, "no_payment_method")


def test_a_charge_without_an_outcome_is_accepted(api: Api) -> None:
    _, invoice = owing(api, "unknown")
    answer = api.post(f"/v1/invoices/{invoice}/payments", CHARGE, key="k", Prefer="wait=1")
    assert (answer.status_code, answer.json()["state"]) == (202, "unknown")
    assert answer.headers["location"].startswith("/v1/payments/pay_")
    again = api.post(f"/v1/invoices/{invoice}/payments", CHARGE, key="k")
    assert (again.status_code, again.headers["idempotent-replayed"]) == (202, "true")
    other = api.post(f"/v1/invoices/{invoice}/payments", CHARGE)
    assert (other.status_code, other.json()["code"]) == (409, "payment-in-progress")


def test_money_from_elsewhere(api: Api) -> None:
    _, invoice = owing(api, "ok")
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
    assert (later.status_code, later.json()["applied"]["amount"], later.json()["surplus"]["amount"]) == (201, 0, 1200)
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
    _, invoice = owing(api, "ok")
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


def test_a_payment_is_refunded_with_a_credit_note(api: Api) -> None:
    customer = api.customer("sim_ok")
    api.subscription(customer)
    paid = api.wait_for(customer, "invoice.payment_applied")
    payment = api.wait_for(customer, "payment.captured").attributes["subject"]
    path, body = f"/v1/payments/{payment}/refunds", {"amount": {"amount": 400, "currency": "EUR"}, "reason": "Outage"}
    assert api.post(path, body).status_code == 428
    too_much = api.post(path, body, if_match="*")
    assert (too_much.status_code, too_much.json()["errors"][0]["pointer"]) == (422, "/amount/amount")

    answer = api.post(path, body | {"lines": [{"line": 1, "amount": 400}]}, key="refund", if_match="*")

    assert (answer.status_code, answer.json()["refunded"]) == (201, {"amount": 400, "currency": "EUR"})
    again = api.post(path, body | {"lines": [{"line": 1, "amount": 400}]}, key="refund", if_match="*")
    assert (again.json(), again.headers["idempotent-replayed"]) == (answer.json(), "true")
    assert types(api.records(customer))[-5:] == [
        "payment.refunded", "invoice.credit_noted", "customer.credited", "subscription.line_waived", "customer.credit_refunded",
    ]  # fmt: skip
    assert paid.attributes["subject"] in {record.attributes["subject"] for record in api.records(customer)[-5:]}
