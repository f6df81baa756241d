"""Health, the interface document, overload."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from structlog.testing import capture_logs

from commands import api_batch
from commands.api import ApiSettings, create_command_app
from commands.catalog.view import CatalogView
from commands.command import Command
from commands.ports import QueueFull, Quota, Unavailable
from tests.e2e.commands.conftest import ADMIN_KEY, Api, Http, command_api, http

ADMIN = {"Authorization": f"Bearer {ADMIN_KEY}", "Ledger-Reason": "test"}
NEW_TENANT = {"id": "a", "name": "A"}
MARK = "mark"


class Refusing:
    """A ledger that cannot."""

    catalog = CatalogView(frozenset({"simulator"}))

    def unready(self) -> list[str]:
        return ["partition 3 is not served"]

    async def submit(self, command: Command) -> None:
        assert command.id.startswith("client:")
        raise Unavailable("overloaded", "Too many commands are waiting.", 7)


@pytest.fixture
def refusing() -> Iterator[Http]:
    settings, peers = ApiSettings(environment="sandbox", secret=b"s", admin_key=ADMIN_KEY), SimpleNamespace(mark=MARK)
    with http(create_command_app(Refusing(), object(), settings, peers=peers)) as client:  # type: ignore[arg-type]
        yield client


def test_alive_is_not_ready(refusing: Http) -> None:
    assert refusing.get("/healthz").status_code == 200
    answer = refusing.get("/readyz")
    assert (answer.status_code, answer.json()["reasons"]) == (503, ["partition 3 is not served"])
    assert answer.headers["retry-after"] == "1"


def test_what_nobody_expected_has_an_id_and_tells_nothing(refusing: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Refusing) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(Refusing, "unready", fail)
    answer = refusing.get("/readyz", headers={"Request-Id": "mine"})
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert (answer.json()["code"], answer.json()["request_id"]) == ("internal-error", "mine")


def test_ready(ledger: Api) -> None:
    assert ledger.client.get("/readyz").json() == {"status": "ready"}


def test_overload_is_told(refusing: Http) -> None:
    answer = refusing.post("/v1/tenants", json=NEW_TENANT, headers=ADMIN)
    assert (answer.status_code, answer.json()["code"], answer.json()["retryable"]) == (503, "overloaded", True)
    assert answer.headers["retry-after"] == "7"


def fill(monkeypatch: pytest.MonkeyPatch, full: bool) -> None:
    """Let there be no place: for nobody, where it is ``full``, or for no more of this tenant's."""

    def submit(_: Refusing, __: Command) -> None:
        raise QueueFull(Quota(partition="7", limit=250, left=0, full=full))

    monkeypatch.setattr(Refusing, "submit", submit)


@pytest.mark.parametrize(("full", "status", "code"), [(False, 429, "quota-exceeded"), (True, 503, "overloaded")])
def test_who_has_no_place_is_told_how_many_there_are(
    full: bool, status: int, code: str, refusing: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(monkeypatch, full)
    monkeypatch.setattr("commands.api_front.HELD_S", 0.0)
    answer = refusing.post("/v1/tenants", json=NEW_TENANT, headers=ADMIN)
    assert (answer.status_code, answer.json()["code"], answer.json()["retryable"]) == (status, code, True)
    assert answer.headers["retry-after"] == "1"
    assert answer.headers["ratelimit-policy"] == '"waiting";q=250;qu="concurrent-requests";pk=:Nw==:'
    assert answer.headers["ratelimit"] == '"waiting";r=0;pk=:Nw==:'


def test_the_excess_of_a_tenant_is_told_so_later_and_only_by_the_node_that_its_client_asks(
    refusing: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(monkeypatch, full=False)
    monkeypatch.setattr("commands.api_front.HELD_S", 0.2)
    assert refusing.post("/v1/tenants", json=NEW_TENANT, headers=ADMIN).elapsed.total_seconds() >= 0.2
    monkeypatch.setattr("commands.api_front.HELD_S", 3600)
    assert refusing.post("/v1/tenants", json=NEW_TENANT, headers=ADMIN | {"Ledger-Forwarded-By": MARK}).status_code == 429
    fill(monkeypatch, full=True)
    assert refusing.post("/v1/tenants", json=NEW_TENANT, headers=ADMIN).status_code == 503


def test_what_is_refused_is_logged_but_for_the_excess_of_a_tenant(refusing: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("commands.api_front.HELD_S", 0.0)
    with capture_logs() as captured:
        for full in (True, False):
            fill(monkeypatch, full)
            refusing.post("/v1/tenants", json=NEW_TENANT, headers=ADMIN)
    assert [line["status"] for line in captured if line["event"] == "request"] == [503]


def test_a_node_that_is_closing_refuses_and_loses_nothing(tmp_path: Path) -> None:
    with command_api(tmp_path) as ledger:
        api = ledger.new_tenant()
        customer = api.customer()
    assert api.records(customer)


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def test_the_document_is_whole(ledger: Api) -> None:
    document = ledger.client.get("/openapi.json").json()
    names = [operation["operationId"] for _, _, operation in _operations(document)]
    assert len(set(names)) == len(names)
    schemas = document["components"]["schemas"]
    references = re.findall(r'"\$ref":"#/components/schemas/([^"]+)"', orjson.dumps(document).decode())
    assert set(references) <= set(schemas)
    for path, method, operation in _operations(document):
        assert operation["summary"], path
        assert operation["description"], path
        assert re.findall(r"{(\w+)}", path) == [p["name"] for p in operation.get("parameters", ()) if p["in"] == "path"]
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                assert list(response["content"]) == ["application/problem+json"]
        if path.startswith("/v1/"):
            assert operation["security"] == [{"key": []}]
            assert {"400", "401", "403", "500"} <= set(operation["responses"])
            if method == "post":
                (content,) = operation["requestBody"]["content"].values()
                assert content["example"] is not None
                of_lines = {"409", "413"} if path == api_batch.PATH else set()
                assert {"409", "413", "415", "422", "503"} - of_lines <= set(operation["responses"])


def test_the_documents_examples_are_accepted_as_they_stand(ledger: Api) -> None:
    document = ledger.client.get("/openapi.json").json()
    api = ledger.new_tenant()
    for path, method, operation in _operations(document):
        if method == "post" and "{id}" not in path and path != api_batch.PATH:
            example = operation["requestBody"]["content"]["application/json"]["example"]
            answer = api.as_admin("acme" if path == "/v1/tenants" else None).post(path, example)
            of_customer = path in ("/v1/subscriptions", "/v1/invoices", "/v1/usage")  # and there is none with the example's id
            accepted = (422,) if of_customer else (201, 409)
            assert answer.status_code in accepted, (path, answer.text)
