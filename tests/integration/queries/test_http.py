"""The conventions that every route keeps: authentication, tenants, positions, problems, paging."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from commands.catalog.api_keys import key_hash
from domain.catalog.aggregates import ApiKey
from infra.postgres.roles import query_dsn
from infra.postgres.snapshots import PostgresReadModels
from queries.api import create_query_app
from tests.integration.queries.conftest import ADMIN_KEY, Client
from tests.read_models.keys import new_key
from tests.read_models.story import T0, Life, Writer, told


def check_problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json"), answer.text
    body: dict[str, Any] = answer.json()
    assert body["code"] == code
    assert body["type"] == f"https://subledger.dev/problems/{code}"
    assert body["status"] == status
    assert body["request_id"] == answer.headers["Request-Id"]
    return body


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Basic abc",
        "Bearer",
        "Bearer nonsense",
        pytest.param("Bearer " + new_key("sandbox", "acme"), id="an unknown key"),
        pytest.param("Bearer " + new_key("live", "acme"), id="a key of live"),
    ],
)
def test_without_a_valid_key_401(client: Client, authorization: str) -> None:
    answer = client.get("/v1/customers", {"Authorization": authorization})
    check_problem(answer, 401, "unauthenticated")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_key_works_in_its_own_tenant_alone(client: Client, keys: Mapping[str, str]) -> None:
    assert client.get("/v1/customers", {"x-tn": "acme"}).status_code == 200
    check_problem(client.get("/v1/customers", {"x-tn": "other"}), 403, "tenant-mismatch")
    moved = keys["acme"].replace("_acme_", "_other_")
    check_problem(client.get("/v1/customers", bearer(moved)), 401, "unauthenticated")


def test_a_key_that_may_not_read_is_refused(client: Client, keys: Mapping[str, str]) -> None:
    check_problem(client.get("/v1/customers", bearer(keys["acme writes"])), 403, "permission-missing")


def test_a_revoked_key_is_refused(own: Client, writer: Writer, project: Callable[[], None]) -> None:
    text = new_key("sandbox", "acme")
    key = ApiKey.issue("acme", "key_r", name="r", permissions=("read",), secret_hash=key_hash(text), now=T0)
    writer.write([told("acme", None, key)])
    project()
    assert own.get("/v1/customers", bearer(text)).status_code == 200
    key.revoke(T0)
    writer.write([told("acme", None, key)])
    project()
    check_problem(own.get("/v1/customers", bearer(text)), 401, "unauthenticated")


def test_a_key_as_new_as_the_position_it_came_with_is_waited_for(
    own: Client, writer: Writer, project: Callable[[], None]
) -> None:
    text = new_key("sandbox", "acme")
    issued = told(
        "acme", None, ApiKey.issue("acme", "key_n", name="n", permissions=("read",), secret_hash=key_hash(text), now=T0)
    )
    position = own.get("/v1/bundles/all").headers["Ledger-Position"]
    later = f"catalog@{int(position.removeprefix('catalog@')) + 1}"
    writer.write([issued])

    async def ask(http: httpx.AsyncClient) -> httpx.Response:
        asking = asyncio.create_task(http.get("/v1/bundles/all", headers=bearer(text) | {"Ledger-Min-Position": later}))
        await asyncio.sleep(0.1)
        await asyncio.to_thread(project)
        return await asking

    assert own.run(ask).headers["Ledger-Position"] == later


def test_the_admin_acts_in_the_tenant_it_names(client: Client) -> None:
    admin = bearer(ADMIN_KEY)
    assert len(client.get("/v1/customers", admin | {"x-tn": "other"}).json()["data"]) == 4
    check_problem(client.get("/v1/customers", admin), 400, "tenant-required")
    check_problem(client.get("/v1/customers", admin | {"x-tn": "no/tenant"}), 400, "tenant-invalid")


def test_nothing_of_another_tenant_is_found(client: Client, keys: Mapping[str, str]) -> None:
    theirs = Life("other", "crm-1", None).id
    assert client.get(f"/v1/customers/{theirs}", bearer(keys["other"])).status_code == 200
    for path in ("", "/entitlements", "/entitlements/hd", "/balance", "/events"):
        check_problem(client.get(f"/v1/customers/{theirs}{path}"), 404, "not-found")
    for kind in ("customers", "subscriptions", "invoices", "payments"):
        mine = {item["id"] for item in client.get(f"/v1/{kind}").json()["data"]}
        other = [item["id"] for item in client.get(f"/v1/{kind}", bearer(keys["other"])).json()["data"]]
        assert other
        assert mine.isdisjoint(other)
        assert {client.get(f"/v1/{kind}/{id}").status_code for id in other} == {404}
        if kind != "customers":
            assert client.get(f"/v1/{kind}?customer={theirs}").json()["data"] == []


@pytest.mark.parametrize(
    "id", ["nope", "cus_", "cus_zz", "sub_" + "0" * 28, "cus_" + "0" * 28, "%00", "a%2Fb", "x" * 3000, "%F0%9F%92%A9"]
)
def test_ids_that_are_none_are_not_found(client: Client, id: str) -> None:
    for path in (f"/v1/customers/{id}", f"/v1/customers/{id}/events", f"/v1/bundles/{id}", f"/v1/storefronts/{id}/events"):
        check_problem(client.get(path), 404, "not-found")


@pytest.mark.parametrize(
    ("path", "pointer"),
    [
        ("/v1/customers?colour=red", "/colour"),
        ("/v1/bundles/all?colour=red", "/colour"),
        ("/v1/customers?limit=0", "/limit"),
        ("/v1/customers?limit=101", "/limit"),
        ("/v1/customers?limit=many", "/limit"),
        ("/v1/customers?cursor=bm9uc2Vuc2U", "/cursor"),
        ("/v1/customers?cursor=%00", "/cursor"),
        ("/v1/customers?created[gte]=yesterday", "/created[gte]"),
        ("/v1/customers?created[gte]=1767225600", "/created[gte]"),
        ("/v1/customers?created[gte]=2026-01-01T00:00:00", "/created[gte]"),
        ("/v1/customers?external_id=%00", "/external_id"),
        ("/v1/subscriptions?state=odd", "/state"),
        ("/v1/customers/{troubled}/events?cursor=x", "/cursor"),
    ],
)
def test_parameters_that_are_wrong_or_unknown_are_named(client: Client, troubled: str, path: str, pointer: str) -> None:
    body = check_problem(client.get(path.format(troubled=troubled)), 422, "invalid-request")
    assert [(error["in"], error["pointer"]) for error in body["errors"]] == [("query", pointer)]


def test_a_cursor_of_another_list_is_refused(client: Client) -> None:
    cursor = client.get("/v1/payments?limit=1").json()["next_cursor"]
    check_problem(client.get(f"/v1/customers?cursor={cursor}"), 422, "invalid-request")


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(limits=st.lists(st.integers(1, 4), min_size=1, max_size=5), kind=st.sampled_from(["payments", "invoices", "api-keys"]))
def test_pages_show_everything_once_newest_first(client: Client, limits: list[int], kind: str) -> None:
    whole = client.get(f"/v1/{kind}?limit=100").json()["data"]
    assert len(whole) > 1

    async def walk(http: httpx.AsyncClient) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        cursor, step = None, 0
        while True:
            parameters = {"limit": limits[step % len(limits)]} | ({"cursor": cursor} if cursor else {})
            page = (await http.get(f"/v1/{kind}", params=parameters, headers=client.headers)).json()
            found, cursor, step = found + page["data"], page["next_cursor"], step + 1
            assert page["has_more"] is (cursor is not None)
            if cursor is None:
                return found

    assert client.run(walk) == whole


def test_what_is_not_found_is_not_there_at_a_position(client: Client) -> None:
    life = Life("acme", "crm-nobody", None)
    for path in (f"customers/{life.id}", f"customers/{life.id}/events", "bundles/none", "bundles/none/events"):
        answer = client.get(f"/v1/{path}")
        check_problem(answer, 404, "not-found")
        assert "," not in answer.headers["Ledger-Position"]


def test_an_answer_says_its_position(client: Client, troubled: str) -> None:
    vector = client.get("/v1/customers").headers["Ledger-Position"]
    assert [part.partition("@")[0] for part in vector.split(", ")] == ["0", "1", "2", "catalog"]
    assert client.get(f"/v1/customers/{troubled}").headers["Ledger-Position"] in vector.split(", ")
    assert client.get("/v1/customers", {"Ledger-Min-Position": vector}).status_code == 200


def test_a_position_that_is_not_reached_is_waited_for_then_503(client: Client, troubled: str) -> None:
    begun = time.monotonic()
    path = f"/v1/customers/{troubled}"
    answer = client.get(path, {"Ledger-Min-Position": "1@999999, catalog@1", "Prefer": "respond-async, wait=0"})
    body = check_problem(answer, 503, "read-model-behind")
    assert time.monotonic() - begun < 1.5
    assert answer.headers["Retry-After"] == "1"
    assert body["retryable"] is True
    assert body["required_position"] == "1@999999, catalog@1"
    assert body["current_position"].startswith("1@")


def test_a_write_is_read_by_who_waits_for_it(own: Client, writer: Writer, project: Callable[[], None]) -> None:
    life = Life("acme", "crm-77", None)
    command = life.told(life.customer)
    vector = dict(part.split("@") for part in own.get("/v1/customers").headers["Ledger-Position"].split(", "))
    position = f"{command.partition}@{int(vector[command.partition]) + 1}"
    writer.write([command])

    async def ask(http: httpx.AsyncClient) -> httpx.Response:
        headers = own.headers | {"Ledger-Min-Position": position}
        asking = asyncio.create_task(http.get(f"/v1/customers/{life.id}", headers=headers))
        await asyncio.sleep(0.1)
        assert not asking.done()
        await asyncio.to_thread(project)
        return await asking

    answer = own.run(ask)
    assert (answer.status_code, answer.headers["Ledger-Position"]) == (200, position)


@pytest.mark.parametrize("position", ["7", "x@1", "1@-1", "1@" + "9" * 30, "1@1;2@2", "99@1"])
def test_a_position_that_is_none_is_422(client: Client, position: str) -> None:
    body = check_problem(client.get("/v1/customers", {"Ledger-Min-Position": position}), 422, "invalid-request")
    assert body["errors"][0]["pointer"] == "/Ledger-Min-Position"


def test_a_request_keeps_its_id(client: Client) -> None:
    assert client.get("/v1/customers", {"Request-Id": "mine-1"}).headers["Request-Id"] == "mine-1"
    assert client.get("/v1/customers", {"Request-Id": "not mine\t"}).headers["Request-Id"].startswith("req_")


def test_unknown_paths_and_methods(client: Client) -> None:
    check_problem(client.get("/v1/nothing"), 404, "not-found")
    check_problem(client.get("/v1/customers/"), 404, "not-found")
    check_problem(client.get("/v1/customers", method="POST"), 405, "method-not-allowed")


def test_health_and_readiness_differ(client: Client) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    ready = client.get("/readyz").json()
    assert ready["status"] == "ready"
    assert "catalog@" in ready["position"]


def test_a_database_that_is_not_migrated_is_not_ready(postgres_dsn: str) -> None:
    client = Client(postgres_dsn)
    check_problem(client.get("/readyz"), 503, "read-model-unavailable")
    check_problem(client.get("/v1/customers", bearer(ADMIN_KEY) | {"x-tn": "acme"}), 503, "read-model-unavailable")
    assert client.get("/healthz").status_code == 200


def test_it_comes_back_when_its_connections_go(client: Client, told_dsn: str) -> None:
    async def ask(http: httpx.AsyncClient) -> list[int]:
        statuses = [(await http.get("/v1/customers", headers=client.headers)).status_code]
        with psycopg.connect(told_dsn, autocommit=True) as admin:
            admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'subledger_query'")
        for _ in range(20):
            statuses.append((await http.get("/v1/customers", headers=client.headers)).status_code)
            await asyncio.sleep(0.05)
        return statuses

    statuses = client.run(ask)
    assert statuses[0] == statuses[-1] == 200
    assert set(statuses) <= {200, 503}


def test_a_postgres_that_is_away_is_a_problem_and_no_more() -> None:
    client = Client("host=127.0.0.1 port=1 dbname=x")
    body = check_problem(client.get("/v1/customers", bearer(ADMIN_KEY) | {"x-tn": "acme"}), 503, "read-model-unavailable")
    assert body["retryable"] is True
    assert "127.0.0.1" not in str(body)


def test_every_route_documents_its_problems(told_dsn: str) -> None:
    schema = create_query_app(PostgresReadModels(query_dsn(told_dsn)), environment="sandbox").openapi()
    routes = {path: item["get"] for path, item in schema["paths"].items() if path.startswith("/v1/")}
    assert len(routes) > 25
    for path, operation in routes.items():
        statuses = set(operation["responses"])
        assert statuses >= {"200", "400", "401", "403", "422", "500", "503"}, path
        assert ("404" in statuses) is ("{" in path), path
        assert set(operation["responses"]["401"]["content"]) == {"application/problem+json"}
        assert operation["security"], path
        assert operation["description"], path
