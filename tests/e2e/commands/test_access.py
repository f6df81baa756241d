"""Who may do what."""

from __future__ import annotations

import uuid
from dataclasses import replace
from pathlib import Path

import pytest

from tests.e2e.commands.conftest import ADMIN_KEY, Api, command_api

ROUTES = [
    "/v1/tenants", "/v1/api-keys", "/v1/api-keys/x/revoke", "/v1/storefronts", "/v1/storefronts/x", "/v1/entitlements",
    "/v1/bundles", "/v1/prices", "/v1/prices/x/versions", "/v1/test-clocks", "/v1/test-clocks/x/advance", "/v1/customers",
    "/v1/coupons", "/v1/customers/x", "/v1/customers/x/payment-method", "/v1/customers/x/billing", "/v1/subscriptions",
    *(f"/v1/subscriptions/x/{verb}" for verb in (
        "cancel", "uncancel", "change", "withdraw-change", "trial", "pause", "resume", "renew", "apply-coupon", "remove-coupon",
        "transfer",
    )),
    "/v1/invoices", *(f"/v1/invoices/x/{verb}" for verb in (
        "lines", "finalize", "payments", "credit-notes", "void", "write-off",
    )), "/v1/payments/x/refunds", "/v1/meters", "/v1/usage", "/v1/commands:batch",
]  # fmt: skip


def test_these_are_all_routes(api: Api) -> None:
    paths = api.client.get("/openapi.json").json()["paths"]
    posts = {path.replace("{id}", "x") for path, item in paths.items() if "post" in item}
    assert posts == set(ROUTES)


@pytest.mark.parametrize("path", ROUTES)
def test_nothing_without_a_key_not_even_a_look_at_the_body(api: Api, path: str) -> None:
    for authorization in (None, "Bearer", "Basic abc", "Bearer nonsense", f"Bearer sl_live_{api.tenant}_{'0' * 40}"):
        headers = {"Authorization": authorization} if authorization else {}
        answer = api.client.post(path, content=b"{", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
        assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("path", ROUTES)
def test_a_read_only_key_does_nothing(api: Api, path: str) -> None:
    answer = api.with_key("read").post(path, {})
    assert (answer.status_code, answer.json()["code"]) == (403, "permission-missing")


@pytest.mark.parametrize("path", ["/v1/tenants", "/v1/api-keys", "/v1/api-keys/x/revoke"])
def test_a_tenants_key_makes_neither_tenants_nor_keys(api: Api, path: str) -> None:
    assert api.post(path, {}).json()["code"] == "permission-missing"


def test_the_header_must_agree_with_the_key(api: Api) -> None:
    assert api.post("/v1/customers", {"storefront": "web"}, x_tn=api.tenant).status_code == 201
    other = api.post("/v1/customers", {"storefront": "web"}, x_tn="other")
    assert (other.status_code, other.json()["code"]) == (403, "tenant-mismatch")


def test_a_revoked_key_is_refused_at_once(api: Api) -> None:
    issued = api.as_admin().done("/v1/api-keys", {"name": "k"})
    key = replace(api, key=issued["key"])
    assert key.post("/v1/customers", {"storefront": "web"}).status_code == 201
    revoked = api.as_admin().request("POST", f"/v1/api-keys/{issued['id']}/revoke")
    assert (revoked.status_code, revoked.json()["revoked_at"] is None) == (200, False)
    assert key.post("/v1/customers", {"storefront": "web"}).status_code == 401
    assert api.as_admin().request("POST", f"/v1/api-keys/{issued['id']}/revoke").status_code == 409


def test_a_lost_answer_of_an_issue_is_had_again(api: Api) -> None:
    first = api.as_admin().post("/v1/api-keys", {"name": "k"}, key="once")
    again = api.as_admin().post("/v1/api-keys", {"name": "k"}, key="once")
    assert again.json()["key"] == first.json()["key"]
    assert again.headers["idempotent-replayed"] == "true"


class TestAdmin:
    def test_must_say_why(self, api: Api) -> None:
        admin = replace(api, key=ADMIN_KEY, headers={"x-tn": api.tenant})
        answer = admin.post("/v1/storefronts", {"name": "x"})
        assert (answer.status_code, answer.json()["code"]) == (400, "reason-missing")

    @pytest.mark.parametrize("reason", [b"x" * 501, b"a\tb", b"\xff\xfe"])
    def test_in_words(self, api: Api, reason: bytes) -> None:
        answer = api.as_admin().request("POST", "/v1/storefronts", json={"name": "x"}, headers={"Ledger-Reason": reason})
        assert (answer.status_code, answer.json()["code"]) == (400, "malformed-header")

    def test_must_name_the_tenant(self, api: Api) -> None:
        admin = replace(api, tenant="", key=ADMIN_KEY, headers={"Ledger-Reason": "test"})
        assert admin.post("/v1/storefronts", {"name": "x"}).json()["code"] == "tenant-required"
        assert admin.post("/v1/storefronts", {"name": "x"}, x_tn="no/such").status_code == 400
        assert admin.post("/v1/storefronts", {"name": "x"}, x_tn="nobody").status_code == 404

    def test_makes_tenants_without_naming_one(self, api: Api) -> None:
        id = f"n{uuid.uuid4().hex[:8]}"
        admin = replace(api, tenant="", key=ADMIN_KEY, headers={"Ledger-Reason": "test"})
        assert admin.post("/v1/tenants", {"id": id, "name": "N"}, x_tn="other").status_code == 403
        made = admin.post("/v1/tenants", {"id": id, "name": "N"})
        assert (made.status_code, made.headers["location"]) == (201, f"/v1/tenants/{id}")
        assert admin.post("/v1/tenants", {"id": id, "name": "N"}).status_code == 409


def test_another_tenants_things_are_not_there(ledger: Api, api: Api) -> None:
    theirs = ledger.new_tenant()
    customer = theirs.customer()
    sold = theirs.subscription(customer)
    assert api.post(f"/v1/customers/{customer}", {"timezone": "UTC"}).status_code == 404
    assert api.post(f"/v1/subscriptions/{sold['id']}/cancel", {"at": "now"}).status_code == 404
    bought = api.post("/v1/subscriptions", {"customer": customer, "price": "monthly"})
    assert (bought.status_code, bought.json()["errors"][0]["pointer"]) == (422, "/customer")


def test_dates_in_the_past_need_the_permission(api: Api) -> None:
    body = {"customer": api.customer(), "price": "monthly", "start_at": "2026-01-01T00:00:00Z"}
    refused = api.with_key("write").post("/v1/subscriptions", body)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/start_at")
    assert api.post("/v1/subscriptions", body).status_code == 201


def test_live_has_no_test_clocks(tmp_path: Path) -> None:
    with command_api(tmp_path, "live") as live:
        api = live.new_tenant()
        for answer in (
            api.post("/v1/test-clocks", {"now": "2026-01-01T00:00:00Z"}),
            api.post("/v1/test-clocks/x/advance", {"now": "2026-01-01T00:00:00Z"}),
            api.get("/v1/test-clocks"),
            api.get("/v1/test-clocks/x"),
        ):
            assert (answer.status_code, answer.json()["code"]) == (403, "test-clocks-not-in-live")
        assert api.key is not None
        assert api.key.startswith("sl_live_")
