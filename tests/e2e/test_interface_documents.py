"""Both APIs answer as their interface documents say, whatever is sent: what the documents allow, and what they don't.

Schemathesis makes the requests; what they name is replaced by what is there, so that they get beyond 404. The same ones every
time; for many more: ``pytest --hypothesis-profile=thorough``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

import pytest
import requests
import schemathesis
from hypothesis import settings
from schemathesis.core.parameters import ParameterLocation
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from docs.http_apis import openapi_documents
from tests.e2e.running import Running

NDJSON = "application/x-ndjson"
HEALTH = ["/healthz", "/readyz"]
SENT_BY_ALL = {"x-tn": "acme", "Ledger-Reason": "a test"}
SHOP: dict[str, dict[str, Any]] = {
    "/v1/tenants": {"id": "acme", "name": "Acme"},
    "/v1/storefronts": {"id": "web", "name": "Web"},
    "/v1/entitlements": {"id": "hd", "kind": "flag", "name": "HD"},
    "/v1/bundles": {"id": "gold", "storefront": "web", "name": "Gold", "grants": [{"entitlement": "hd", "value": True}]},
    "/v1/prices": {"id": "yearly", "bundle": "gold", "amount": {"amount": 999, "currency": "EUR"}, "interval": {"unit": "year"}},
    "/v1/coupons": {"id": "spring", "name": "Spring sale", "percent": 20},
    "/v1/meters": {"id": "calls", "name": "Calls", "aggregation": "sum"},
    "/v1/test-clocks": {"id": "clock", "now": "2026-01-01T00:00:00Z"},
    "/v1/api-keys": {"name": "spare"},
    "/v1/customers": {"storefront": "web"},
}


def document(name: str, *methods: str) -> schemathesis.BaseSchema:
    """What is asked of an API: ``methods`` are tried where they are not documented.

    Valid by its schema is not all that a command has to be, hence 402 to 422; and who asks for a position may get 503.
    """
    checks = {
        "negative_data_rejection": {"expected-statuses": [400, 404, 405, 415, 422, 428, 503]},
        "missing_required_header": {"expected-statuses": [400, 401, 403, 415, 422, 428]},
        "positive_data_acceptance": {"expected-statuses": ["2xx", 304, 402, 404, 409, 412, 422, 503]},
        "not_a_server_error": {"expected-statuses": ["2xx", "3xx", "4xx", 503]},
    }
    generation = {
        "max-examples": settings().max_examples // 20,
        "deterministic": True,
        "database": "none",
        "with-security-parameters": False,
    }
    phases = {"coverage": {"unexpected-methods": methods}}
    config = {"checks": checks, "generation": generation, "phases": phases}
    return schemathesis.openapi.from_dict(openapi_documents()[name], config=schemathesis.Config.from_dict(config))


COMMANDS = document("commands.json", "DELETE", "OPTIONS")
# One origin answers for both; a method that only the commands' paths have is theirs to refuse.
QUERIES = document("queries.json").exclude(path=HEALTH)


@schemathesis.serializer(NDJSON)
def one_line(_: schemathesis.SerializationContext, value: Any) -> bytes:
    return json.dumps(value).encode()


# A batch's lines are refused one by one; and x-tn is not the tenant that is to be made.
EXCUSED: dict[str, list[schemathesis.CheckFunction]] = {
    "/v1/commands:batch": [negative_data_rejection],
    "/v1/tenants": [positive_data_acceptance],
}


class Stocked:
    """A running ledger with one of everything. ``ids`` by the path of their collection; ``values`` by the field's name."""

    def __init__(self, running: Running) -> None:
        self.url = running.url
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {running.admin_key}"
        made = {path: self.made(path, body)["id"] for path, body in SHOP.items()}
        customer = made["/v1/customers"]
        sold = self.made("/v1/subscriptions", {"customer": customer, "price": "yearly"})
        minimum = {"Ledger-Min-Position": sold["receipt"]["position"], "Prefer": "wait=10", **SENT_BY_ALL}
        invoice = self.session.get(f"{self.url}/v1/invoices", headers=minimum).json()["data"][0]["id"]
        money = {"amount": 1, "currency": "EUR"}
        payment = self.made(f"/v1/invoices/{invoice}/payments", {"kind": "recorded", "amount": money})["id"]
        self.ids = {**made, "/v1/subscriptions": sold["id"], "/v1/invoices": invoice, "/v1/payments": payment}
        self.values = {
            "storefront": "web", "entitlement": "hd", "key": "hd", "bundle": "gold", "price": "yearly", "test_clock": "clock",
            "coupon": "spring", "meter": "calls",
            "customer": customer, "subscription": sold["id"], "invoice": invoice, "currency": "EUR",
            "timezone": "Europe/Berlin", "provider": "simulator", "payment_provider": "simulator", "wait": 0,
        }  # fmt: skip

    def made(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        headers = {**SENT_BY_ALL, "Idempotency-Key": path}
        answer = self.session.post(self.url + path, json=body, headers=headers)
        assert answer.status_code == 201, answer.text
        return cast(dict[str, Any], answer.json())

    def check(self, case: schemathesis.Case[Any]) -> None:
        """Send the request, to what is there wherever it does not try what is not allowed, and check the answer."""
        assert case.meta is not None
        valid = [place for place in ParameterLocation if not case.meta.is_negative_at(place)]
        if ParameterLocation.PATH in valid and case.path_parameters:
            id = self.ids["/".join(case.operation.path.split("/")[:3])]
            case.path_parameters = {**self.real(case.path_parameters), "id": id}
        if ParameterLocation.QUERY in valid:
            case.query = self.real(case.query)
        if ParameterLocation.BODY in valid:
            case.body = self.real(case.body)
        self._complete(case, ParameterLocation.HEADER in valid)
        answer = case.call(base_url=self.url, session=self.session)
        case.validate_response(answer, excluded_checks=EXCUSED.get(case.operation.path))
        assert answer.status_code != 503 or answer.json()["code"] in ("catalog-behind", "read-model-behind")

    def _complete(self, case: schemathesis.Case[Any], valid: bool) -> None:
        for name, text in SENT_BY_ALL.items():
            if valid or name not in case.headers:
                case.headers[name] = text
        if valid and "If-Match" in case.headers:
            case.headers["If-Match"] = "*"  # boundary values are made without the quotes of a tag
        case.headers["Prefer"] = "wait=0"

    def real(self, value: Any) -> Any:
        """With the names and ids of what is there."""
        if isinstance(value, dict):
            return {
                name: self.values[name] if name in self.values and isinstance(part, str | int) else self.real(part)
                for name, part in value.items()
            }
        return [self.real(part) for part in value] if isinstance(value, list) else value


@pytest.fixture(scope="module")
def stocked(running: Running) -> Stocked:
    return Stocked(running)


@COMMANDS.parametrize()
def test_commands(case: schemathesis.Case[Any], stocked: Stocked) -> None:
    stocked.check(case)


@QUERIES.parametrize()
def test_queries(case: schemathesis.Case[Any], stocked: Stocked) -> None:
    stocked.check(case)
