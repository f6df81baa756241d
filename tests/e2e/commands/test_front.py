"""Commands are answered before the framework, everything else by it."""

from __future__ import annotations

import pytest

from commands.api import COMMANDS
from commands.api_front import RouteTable
from tests.e2e.commands.conftest import Api


@pytest.mark.parametrize("route", COMMANDS, ids=lambda route: route.path)
def test_a_command_is_found_by_its_path(route) -> None:  # type: ignore[no-untyped-def]
    assert RouteTable(COMMANDS).find(route.path.replace("{id}", "x1")) == (route, "x1" if "{id}" in route.path else "")


@pytest.mark.parametrize(
    "path", ["", "/", "/v1", "/v1/subscriptions/", "/v1/subscriptions//cancel", "/v1/subscriptions/a/b/cancel"]
)
def test_nothing_else_is_found(path: str) -> None:
    assert RouteTable(COMMANDS).find(path) is None


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("GET", "/v1/subscriptions", "POST"), ("PUT", "/v1/subscriptions", "POST"), ("DELETE", "/v1/test-clocks/x", "GET, HEAD"),
     ("OPTIONS", "/v1/test-clocks", "GET, HEAD, POST")],
)  # fmt: skip
def test_another_method_is_told_which_are_allowed(ledger: Api, method: str, path: str, allowed: str) -> None:
    answer = ledger.client.request(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
    assert answer.json()["code"] == "method-not-allowed"
