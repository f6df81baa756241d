"""What nobody should send: a documented status and a clear problem, never a 500, and nothing is appended."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.e2e.commands.conftest import Api


def send(api: Api, content: bytes | str, path: str = "/v1/customers", type: str | None = "application/json") -> httpx.Response:
    headers = {} if type is None else {"Content-Type": type}
    return api.request("POST", path, key="k", content=content, headers=headers)


@pytest.mark.parametrize(
    "content",
    [b"{", b"nonsense", b'{"storefront": "web",}', b'{"storefront": NaN}', b"\xff\xfe",
     b'{"storefront": "\xed\xa0\x80"}', b'{"a": "\x00"}', b'\xef\xbb\xbf{}', b"{}{}"],
)  # fmt: skip
def test_what_is_not_json(api: Api, content: bytes) -> None:
    answer = send(api, content)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed-json")
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("content", "pointer", "code"),
    [
        ('{"storefront": "web", "storefront": "other"}', "", "repeated"),
        ('{"storefront": "web", "colour": 1}', "/colour", "extra_forbidden"),
        ('{"storefront": "web", "personal": {"nick": "A"}}', "/personal/nick", "extra_forbidden"),
        ("{}", "/storefront", "missing"),
        ("", "/storefront", "missing"),
        ("[]", "", "model_type"),
        ("null", "", "model_type"),
        ('{"storefront": 7}', "/storefront", "string_type"),
        ('{"storefront": "we\\u0000b"}', "/storefront", "text"),
        ('{"storefront": "\\ud800"}', "/storefront", "text"),
        ('{"storefront": "web", "\\udfff": 1}', "/?", "text"),
        ('{"storefront": "web", "external_id": ""}', "/external_id", "string_too_short"),
        ("[" * 100_000 + "]" * 100_000, "", "too_deep"),
        ('{"storefront": ' + "[" * 500 + "]" * 500 + "}", "/storefront", "string_type"),
        ('{"storefront": "\\u0041", "x": ' + "[" * 900 + '"\\u0000"' + "]" * 900 + "}", None, None),
        ('{"storefront": ' + "9" * 5000 + "}", "", "number_out_of_range"),
        ('{"storefront": 1e999}', "/storefront", "string_type"),
    ],
)
def test_what_is_json_and_no_customer(api: Api, content: str, pointer: str | None, code: str | None) -> None:
    answer = send(api, content)
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["in"] == "body"
    if pointer is not None:
        assert (error["pointer"], error["code"]) == (pointer, code)


@pytest.mark.parametrize("type", [None, "text/plain", "application/x-www-form-urlencoded", "application/jsonp"])
def test_another_media_type(api: Api, type: str | None) -> None:
    answer = send(api, b'{"storefront": "web"}', type=type)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported-media-type")


def test_a_charset_is_fine(api: Api) -> None:
    assert send(api, b'{"storefront": "web"}', type="Application/JSON; charset=utf-8").status_code == 201


async def _chunks() -> AsyncIterator[bytes]:
    for _ in range(11):
        yield b" " * 100_000


def test_a_body_that_is_too_large(api: Api) -> None:
    assert send(api, b" " * 1_000_001).status_code == 413
    headers = {"Content-Type": "application/json"}
    assert api.request("POST", "/v1/customers", content=_chunks(), headers=headers).status_code == 413


MONTH = {"unit": "month", "count": 1}


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"amount": {"amount": 10**12 + 1, "currency": "EUR"}, "interval": MONTH}, "/amount/amount"),
        ({"amount": {"amount": 10**30, "currency": "EUR"}, "interval": MONTH}, "/amount/amount"),
        ({"amount": {"amount": -1, "currency": "EUR"}, "interval": MONTH}, "/amount/amount"),
        ({"amount": {"amount": 1.5, "currency": "EUR"}, "interval": MONTH}, "/amount/amount"),
        ({"amount": {"amount": "1", "currency": "EUR"}, "interval": MONTH}, "/amount/amount"),
        ({"amount": {"amount": True, "currency": "EUR"}, "interval": MONTH}, "/amount/amount"),
        ({"amount": {"amount": 1, "currency": "XXX"}, "interval": MONTH}, "/amount/currency"),
        ({"amount": {"amount": 1, "currency": "eur"}, "interval": MONTH}, "/amount/currency"),
        ({"amount": {"amount": 1, "currency": "EUR"}, "interval": {"unit": "hour"}}, "/interval/unit"),
        ({"amount": {"amount": 1, "currency": "EUR"}, "interval": {"unit": "day", "count": 0}}, "/interval/count"),
        ({"amount": {"amount": 1, "currency": "EUR"}, "interval": MONTH, "trial_days": 10**9}, "/trial_days"),
        ({"id": "No Slug", "amount": {"amount": 1, "currency": "EUR"}, "interval": MONTH}, "/id"),
    ],
)
def test_prices_that_are_none(api: Api, body: dict[str, Any], pointer: str) -> None:
    answer = api.post("/v1/prices", {"bundle": "gold", **body})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)


@pytest.mark.parametrize(
    "text",
    ["2026-01-01", "2026-01-01T00:00:00", "2026-13-01T00:00:00Z", "1735689600", "2026-01-01 00:00:00Z", "soon",
     "9999-12-31T23:59:59-23:59",
     "0001-01-01T00:00:00+23:59", "1899-12-31T23:59:59Z", "3000-01-01T00:00:00Z", 1735689600, None, True],
)  # fmt: skip
def test_instants_that_are_none(api: Api, text: object) -> None:
    answer = api.post("/v1/test-clocks", {"now": text})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/now")


def test_an_interval_of_which_many_would_be_beyond_the_calendar(api: Api) -> None:
    body = {
        "id": "ages",
        "bundle": "gold",
        "amount": {"amount": 1, "currency": "EUR"},
        "interval": {"unit": "year", "count": 366},
    }
    answer = api.as_admin().post("/v1/prices", {**body, "term_periods": 1200})
    assert (answer.status_code, answer.json()["code"]) == (422, "interval-too-long")
    assert answer.json()["errors"][0]["pointer"] == "/interval/count"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"kind": "gift"}, ""),
        ({}, ""),
        ({"kind": "charge", "amount": 1}, "/amount"),
        ({"kind": "recorded"}, "/amount"),
        ({"kind": "recorded", "amount": {"amount": "x", "currency": "EUR"}}, "/amount/amount"),
        ({"kind": "recorded", "amount": {"amount": 1}}, "/amount/currency"),
    ],
)
def test_payments_that_are_none(api: Api, body: dict[str, Any], pointer: str) -> None:
    answer = api.post("/v1/invoices/inv_0/payments", body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)


@pytest.mark.parametrize(
    "id", ["x", "cus_", "cus_" + "g" * 28, "sub_" + "0" * 28, "cus_" + "0" * 28, "%00", "a%2Fb", "%F0%28", "." * 300]
)
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/customers/{}", {"timezone": "UTC"}),
        ("/v1/customers/{}/payment-method", {"payment_method": None}),
        ("/v1/subscriptions/{}/cancel", {"at": "now"}),
        ("/v1/invoices/{}/payments", {"kind": "charge"}),
        ("/v1/storefronts/{}", {"name": "x"}),
        ("/v1/test-clocks/{}/advance", {"now": "2026-01-01T00:00:00Z"}),
    ],
)
def test_ids_that_are_none(api: Api, path: str, body: dict[str, Any], id: str) -> None:
    answer = api.post(path.format(id), body)
    assert (answer.status_code, answer.json()["code"]) == (404, "not-found")


@pytest.mark.parametrize("path", ["/v1/customers", "/v1/commands:batch"])
def test_query_parameters_are_not_ignored(api: Api, path: str) -> None:
    answer = api.post(f"{path}?limit=2", {"storefront": "web"})
    assert (answer.status_code, answer.json()["errors"][0]["in"]) == (422, "query")


def test_methods_and_paths_that_are_none(api: Api) -> None:
    assert api.request("PUT", "/v1/customers").status_code == 405
    assert api.request("POST", "/v1/nothing").json()["code"] == "not-found"


def test_headers_given_twice(api: Api) -> None:
    answer = api.client.post(
        "/v1/customers",
        json={"storefront": "web"},
        headers=[("Authorization", f"Bearer {api.key}"), ("x-tn", "a"), ("x-tn", "b")],
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed-header")


def test_personal_data_is_not_told_back_in_errors(api: Api) -> None:
    answer = api.post("/v1/customers", {"storefront": "web", "personal": {"email": "ada@example.com" * 50}})
    assert answer.status_code == 422
    assert "ada@" not in answer.text
