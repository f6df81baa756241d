"""The checker on what a real ledger did: every promise kept; and damage to that is found, too."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import httpx

from infra.ledger_client import LedgerClient
from tests.checker import logs
from tests.checker.check import check, judge
from tests.checker.files import read_book
from tests.checker.history import Call, History
from tests.e2e.running import Running
from tests.faults.load import open_shop

TENANT, CLIENTS, ROUNDS = "checked", 8, 6


class Client:
    """Sends commands about customers that it shares with others, and takes down all that it is told."""

    def __init__(self, name: str, http: httpx.AsyncClient, calls: list[Call]) -> None:
        self.name = name
        self.random = Random(name)
        self._http = http
        self._calls = calls

    async def send(self, method: str, path: str, key: str = "", body: Any = None, **asked: str) -> Call:
        begin, headers = time.monotonic(), {name.replace("_", "-"): text for name, text in asked.items()}
        sent = headers | ({"idempotency-key": key} if key else {})
        response = await self._http.request(method, path, json=body, headers=sent)
        call = Call(
            client=self.name,
            begin=begin,
            end=time.monotonic(),
            method=method,
            path=path,
            tenant=TENANT,
            key=key,
            body=body,
            status=response.status_code,
            asked=headers,
            headers=dict(response.headers),
            answer=response.json() if response.content else None,
        )
        self._calls.append(call)
        return call

    async def live(self) -> None:
        """Register, change and cancel what others register, change and cancel as well."""
        for number in range(ROUNDS):
            method = {"provider": "simulator", "token": self.random.choice(["sim_ok", "sim_decline_ok"])}
            registration = {"storefront": "web", "external_id": f"shared-{number}", "payment_method": method}
            registered = await self.send("POST", "/v1/customers", f"{self.name}-{number}", registration)
            if not registered.acknowledged:
                await self.send("POST", "/v1/customers", f"{self.name}-{number}", {**registration, "timezone": "Asia/Tokyo"})
                continue
            await asyncio.gather(*(self._use(registered, f"{self.name}-{number}-{turn}") for turn in range(4)))

    async def _use(self, registered: Call, key: str) -> None:
        path = f"/v1/customers/{registered.answer['id']}"
        zone = {"timezone": self.random.choice(["Europe/Paris", "Europe/Rome"])}
        await self.send("POST", path, f"{key}-change", zone, if_match=self.random.choice(['"1"', '"2"', "*"]))
        await self.send("GET", path)
        start = {"customer": registered.answer["id"], "price": self.random.choice(["paid", "trial"])}
        started = await self.send("POST", "/v1/subscriptions", f"{key}-start", start)
        await self.send("POST", "/v1/subscriptions", f"{key}-start", start)  # the same again
        cancel = f"/v1/subscriptions/{started.answer['id']}/cancel"
        await asyncio.gather(
            self.send("POST", cancel, f"{key}-cancel", {"at": "now"}),
            self.send("POST", cancel, f"{key}-end", {"at": "period_end"}),
        )
        await self.send("GET", cancel.removesuffix("/cancel"), ledger_min_position=started.headers["ledger-position"])


async def history_of(running: Running) -> History:
    """What clients were told while they crossed each other."""
    calls: list[Call] = []
    key = await running._tenant_key(TENANT, ("read", "write"))
    async with LedgerClient(running.url, key) as client:
        await open_shop(client)
    async with httpx.AsyncClient(base_url=running.url, headers={"Authorization": f"Bearer {key}"}, timeout=60) as http:
        await asyncio.gather(*(Client(f"client-{number}", http, calls).live() for number in range(CLIENTS)))
    return History(records={}, calls=calls, secret=running.settings.secret_bytes)


def with_log(history: History, running: Running) -> History:
    """The history with what the log and the provider have by now."""
    path: Path = running.settings.simulator_book_path
    return replace(history, records=logs.from_sqlite(running.settings.state / "log.sqlite"), book=read_book(path))


def test_a_real_history_keeps_every_promise(running: Running) -> None:
    # given clients who register, change and cancel the same customers at once
    told = asyncio.run(history_of(running))
    # when it is judged, once every charge has its outcome
    deadline = time.monotonic() + 30
    while (verdict := judge(history := with_log(told, running))).violations and time.monotonic() < deadline:
        time.sleep(0.5)
    # then nothing is wrong, and it was not a check of nothing
    assert verdict.violations == []
    assert verdict.counts["acknowledged"] > 60
    assert verdict.counts["refused"] > 20
    assert verdict.counts["captures"] > 0
    # and one record less, one answer more, or one read of the past is found
    partition = max(history.records, key=lambda name: len(history.records[name]) if name != "catalog" else 0)
    short = {**history.records, partition: history.records[partition][:-1]}
    assert check(replace(history, records=short))
    lost = next(call for call in history.calls if call.acknowledged and call.method == "POST")
    assert check(replace(history, calls=[*history.calls, replace(lost, key="another")]))
