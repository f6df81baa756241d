"""A subscription goes to a customer of another partition, over HTTP; the node ends in between."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from domain.ids import partition_of
from infra.node.effects import Effects
from infra.node.transfers import Transfers
from tests.e2e.commands.conftest import PARTITIONS, Api, command_api


def two_customers(api: Api, **body: Any) -> tuple[str, str]:
    """Of two partitions."""
    found: dict[str, str] = {}
    while len(found) < 2:
        customer = api.customer(**body)
        found[partition_of(customer, PARTITIONS)] = customer
    ada, bob = found.values()
    return ada, bob


def types(api: Api, customer: str) -> list[str]:
    return [record.attributes["type"].rpartition(".")[0] for record in api.records(customer)]


def test_it_ends_here_and_goes_on_there(api: Api) -> None:
    # given
    api.done("/v1/test-clocks", {"id": "c", "now": "2026-01-01T00:00:00Z"})
    ada, bob = two_customers(api, test_clock="c")
    sold = api.subscription(ada)
    api.done("/v1/test-clocks/c/advance", {"now": "2026-01-11T00:00:00Z"})
    rehearsed = api.done(f"/v1/subscriptions/{sold['id']}/transfer?dry_run=true", {"customer": bob})
    # when
    answer = api.post(f"/v1/subscriptions/{sold['id']}/transfer", {"customer": bob}, key="once")
    # then the answer shows where it went
    body = answer.json()
    assert (answer.status_code, body["state"], body["access"]) == (200, "cancelled", False)
    transfer = body["transfer"]
    assert (transfer["customer"], transfer["at"]) == (bob, "2026-01-11T00:00:00Z")
    assert partition_of(transfer["subscription"], PARTITIONS) == partition_of(bob, PARTITIONS)
    # as a dry run had said, with what is given back
    assert (rehearsed["resource"]["state"], rehearsed["resource"]["transfer"]["at"]) == ("cancelled", transfer["at"])
    assert [invoice["total"]["amount"] for invoice in rehearsed["invoices"]] == [-677]
    # and it has begun there
    there = api.done(f"/v1/subscriptions/{transfer['subscription']}/cancel", {"at": "period_end"})
    assert (there["state"], there["transferred_from"], there["cancel_at"]) == ("active", sold["id"], "2026-02-01T00:00:00Z")
    assert types(api, bob)[1:3] == ["subscription.started", "subscription.billed"]
    # and the same key is answered with the same
    again = api.post(f"/v1/subscriptions/{sold['id']}/transfer", {"customer": bob}, key="once")
    assert (again.status_code, again.headers["idempotent-replayed"]) == (200, "true")
    assert again.json()["transfer"] == transfer


def test_a_customer_who_cannot_have_it(api: Api) -> None:
    api.as_admin().done("/v1/storefronts", {"id": "tv", "name": "TV"})
    ada, other = api.customer(), api.customer(storefront="tv")
    sold = api.subscription(ada)
    path = f"/v1/subscriptions/{sold['id']}/transfer"
    refused = {
        other: "other-storefront",
        "cus_" + "0" * 28: "customer-not-found",
        ada: "same-customer",
        "somebody": "customer-not-found",
    }
    for number, (customer, code) in enumerate(refused.items()):
        answers = [api.post(path, {"customer": customer}, key=f"k{number}") for _ in range(2)]
        for answer in answers:
            body = answer.json()
            assert (answer.status_code, body["code"], body["errors"][0]["pointer"]) == (422, code, "/customer")
    # and it is still there
    assert api.done(f"/v1/subscriptions/{sold['id']}/cancel", {"at": "period_end"})["transfer"] is None


def test_an_advance_waits_for_what_was_handed_over_meanwhile(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    # given a transfer whose other customer's partition is asked late
    api.done("/v1/test-clocks", {"id": "c", "now": "2026-01-11T00:00:00Z"})
    ada, bob = two_customers(api, test_clock="c")
    sold = api.subscription(ada)
    ask = Transfers._ask

    async def late(*asked: Any) -> str | None:
        await asyncio.sleep(0.3)
        return await ask(*asked)

    monkeypatch.setattr(Transfers, "_ask", late)
    moving = api.post(f"/v1/subscriptions/{sold['id']}/transfer", {"customer": bob}, Prefer="wait=0")
    assert moving.status_code == 202
    # when the clock is advanced
    api.done("/v1/test-clocks/c/advance", {"now": "2026-04-12T00:00:00Z"})
    # then all that followed there is done
    assert types(api, bob).count("subscription.billed") == 4


async def never(*_: object) -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize(("cls", "step"), [(Transfers, "_ask"), (Effects, "_settle")])
def test_what_was_begun_goes_on_after_a_restart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cls: type, step: str) -> None:
    # given a node that ends before the other customer is asked, or before what came of it is noted
    with command_api(tmp_path) as before, monkeypatch.context() as patch:
        api = before.new_tenant()
        ada, bob = two_customers(api)
        sold = api.subscription(ada)
        api.wait_for(ada, "payment.captured")
        patch.setattr(cls, step, never)
        place = f"/v1/subscriptions/{sold['id']}"
        answer = api.post(f"{place}/transfer", {"customer": bob}, key="once", Prefer="wait=0")
        assert (answer.status_code, answer.json()["state"], answer.headers["location"]) == (202, "active", place)
        refused = api.post(f"{place}/cancel", {"at": "now"})
        assert (refused.status_code, refused.json()["code"]) == (409, "transfer-pending")
        if step == "_settle":
            api.wait_for(bob, "subscription.started")
    # when it is there again
    with command_api(tmp_path) as after:
        api = Api(after.client, after.log, api.tenant, api.key)
        # then it goes on, and everything is done once
        api.wait_for(ada, "subscription.transferred")
        assert (types(api, ada) + types(api, bob)).count("subscription.started") == 2
        assert api.post(f"{place}/transfer", {"customer": bob}, key="once").status_code == 200
