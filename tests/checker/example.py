"""A small history in which every promise was kept, for the checker's own tests: they damage it in all ways.

A log is made of steps, so that a damage can be hashed as if it had been written so, or be done to the finished records.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

from tests.checker.answers import command_id, fingerprint
from tests.checker.counting import CLAIM, NO_HASH, content_hash
from tests.checker.history import Book, Call, Capture, Charge, History, ReaderState, Record

SECRET, TENANT = b"s" * 32, "acme"
CUSTOMER, PAID, TRIAL = (f"{kind}_0000000a{tail:0>20}" for kind, tail in (("cus", "1"), ("sub", "1"), ("sub", "2")))
INVOICE, PAYMENT = "inv_0000000a00000000000000000001", "pay_0000000a00000000000000000001"
SCOPE = f"{TENANT}/{CUSTOMER}"
TRAVELLER, TRAVELLED, CLOCK = "cus_0000000b00000000000000000001", "sub_0000000b00000000000000000001", f"{TENANT}/clock/c"
TRIAL_END = "2026-01-02T00:00:20+00:00"


@dataclass(frozen=True, slots=True)
class Step:
    """A claim (no events), or a command with its events: (stream, version, type, value) each. ``seconds`` is the recording time
    of all, after that of the first.
    """

    term: int
    id: str = ""
    events: tuple[tuple[str, int, str, dict[str, Any]], ...] = ()
    scope: str = SCOPE
    partition: str = "0"
    fingerprint: str = ""
    catalog: int = 1
    seconds: int = 0


def time(seconds: int) -> str:
    return f"2026-01-02T00:{seconds // 60:02}:{seconds % 60:02}.000000Z"


def written(steps: Sequence[Step]) -> dict[str, list[Record]]:
    """The steps as an owner writes them, numbered and hashed."""
    logs: dict[str, _Log] = {}
    for step in steps:
        logs.setdefault(step.partition, _Log(step.partition)).write(step)
    return {name: log.records for name, log in logs.items()}


@dataclass(slots=True)
class _Log:
    partition: str
    records: list[Record] = field(default_factory=list)
    sequence: int = 0
    chain: str = NO_HASH

    def write(self, step: Step) -> None:
        common = {"ce_time": time(step.seconds), "ce_term": str(step.term)}
        if not step.events:
            headers = {"ce_id": f"claim/{self.partition}/{step.term}", "ce_type": CLAIM, "ce_subject": self.partition}
            claim = self._add(self.partition, headers | common, b"{}")
            self.chain = sha256((self.chain + claim.headers["ce_hash"]).encode()).hexdigest()
            return
        common |= {"ce_commandid": step.id, "ce_commandcount": str(len(step.events)), "ce_partitionkey": step.scope}
        if step.fingerprint:
            common["ce_fingerprint"] = step.fingerprint
        if self.partition != "catalog":
            common["ce_catalogsequence"] = str(step.catalog)
        for index, (stream, version, type_, value) in enumerate(step.events, 1):
            self.sequence += 1
            headers = {
                "ce_id": f"{stream}/{version}",
                "ce_type": type_,
                "ce_subject": stream,
                "ce_streamversion": str(version),
                "ce_sequence": str(self.sequence),
                "ce_commandindex": str(index),
                "ce_previoushash": self.chain,
            }
            dated = {"timestamp": common["ce_time"], **value}
            self.chain = self._add(step.scope, headers | common, json.dumps(dated).encode()).headers["ce_hash"]

    def _add(self, key: str, headers: dict[str, str], value: bytes) -> Record:
        record = Record(self.partition, 2 * len(self.records), key, headers, value)  # markers lie between
        self.records.append(replace(record, headers=headers | {"ce_hash": content_hash(record)}))
        return self.records[-1]


# What clients asked for, in the order in which it was done. The shared clock of calls counts the same seconds.

PERSONAL = {"name": "Ada", "email": None, "phone": None, "address": None}
METHOD, OTHER = ({"provider": "simulator", "token": token} for token in ("sim_ok", "sim_decline"))


def customer(version: int, timezone: str, method: Any) -> dict[str, Any]:
    return {"id": CUSTOMER, "version": version, "timezone": timezone, "payment_method": method, "personal": PERSONAL}


def subscription(id: str, version: int, **given: Any) -> dict[str, Any]:
    return {"id": id, "version": version, "state": "active", "cancel_at": None, "term_ends_at": None, **given}


def post(at: float, path: str, key: str, body: Any, status: int | None = 200, answer: Any = None, **given: Any) -> Call:
    tag = {"etag": f'"{answer["version"]}"'} if answer and "version" in answer else {}
    return Call(
        client="c1", begin=at, end=at + 0.5, method="POST", path=path, tenant=TENANT, key=key, body=body, status=status,
        answer=answer, asked=given.get("asked", {}), headers=tag | given.get("headers", {}),
    )  # fmt: skip


def get(at: float, path: str, position: str, version: int, status: int = 200, answer: Any = None, least: str = "") -> Call:
    tag = {} if status == 404 else {"etag": f'"{version}"'}
    asked = {"ledger-min-position": least} if least else {}
    return Call(
        client="c2", begin=at, end=at + 0.1, method="GET", path=path, tenant=TENANT, status=status, asked=asked,
        headers={"ledger-position": position, **tag}, answer=answer,
    )  # fmt: skip


REGISTER = post(
    1, "/v1/customers", "k1",
    {"storefront": "web", "external_id": "u-1", "personal": {"name": "Ada"}, "payment_method": METHOD},
    201, customer(1, "Europe/Berlin", METHOD),
)  # fmt: skip
START = post(2, "/v1/subscriptions", "k2", {"customer": CUSTOMER, "price": "paid"}, 201, subscription(PAID, 2))
LOST = post(2, START.path, START.key, START.body, None)  # sent before, without an answer
ZONE = {"timezone": "Europe/Paris"}
CHANGE = post(
    4, f"/v1/customers/{CUSTOMER}", "k3", ZONE, 200, customer(2, "Europe/Paris", METHOD), asked={"if-match": '"1"'}
)  # fmt: skip
SET = post(5, f"/v1/customers/{CUSTOMER}/payment-method", "k4", {"payment_method": OTHER}, None)  # and it was done
NEVER = post(5, f"/v1/customers/{CUSTOMER}/payment-method", "k5", {"payment_method": None}, 503)  # and it was not
STALE = post(7, f"/v1/customers/{CUSTOMER}", "k6", {"timezone": "Asia/Tokyo"}, 412, {"code": "version-mismatch"},
             asked={"if-match": '"1"'}, headers={"etag": '"3"'})  # fmt: skip
TRY = post(8, "/v1/subscriptions", "k7", {"customer": CUSTOMER, "price": "trial"}, 201, subscription(TRIAL, 1, state="trial"))
CANCEL = post(
    9, f"/v1/subscriptions/{TRIAL}/cancel", "k8", {"at": "period_end"}, 200,
    subscription(TRIAL, 2, state="trial", cancel_at=TRIAL_END),
)  # fmt: skip
MAKE = post(
    9, "/v1/test-clocks", "t0", {"id": "c", "now": "2026-06-01T00:00:00Z"}, 201,
    {"id": "c", "version": 1, "now": "2026-06-01T00:00:00Z"},
)  # fmt: skip
JOIN = post(
    10, "/v1/customers", "t1", {"storefront": "web", "external_id": "u-2", "test_clock": "c"},
    201, {**customer(1, "Europe/Berlin", None), "id": TRAVELLER, "personal": None},
)  # fmt: skip
THERE: dict[str, Any] = {"scope": f"{TENANT}/{TRAVELLER}", "partition": "1"}
BEGIN = post(11, "/v1/subscriptions", "t2", {"customer": TRAVELLER, "price": "paid"}, 201, subscription(TRAVELLED, 2))
ADVANCE = post(
    12, "/v1/test-clocks/c/advance", "t3", {"now": "2026-07-10T00:00:00Z"}, 200,
    {"id": "c", "version": 2, "now": "2026-07-10T00:00:00Z", "positions": ["0@16", "1@4", "catalog@3"]},
)  # fmt: skip
BACK = post(14, ADVANCE.path, "t4", {"now": "2026-07-09T00:00:00Z"}, 422, {"code": "clock-backwards"})
ENDED = post(21, CANCEL.path, "k9", {"at": "now"}, 409, {"code": "wrong-subscription-state"})
REUSED = post(22, CHANGE.path, "k3", {"timezone": "Asia/Tokyo"}, 422, {"code": "idempotency-key-reused"})


def by(call: Call, term: int, *events: tuple[str, int, str, dict[str, Any]], **where: Any) -> Step:
    """The step that does what a call asks for."""
    id, asked = command_id(SECRET, TENANT, call.key), fingerprint(SECRET, call)
    return Step(term, id, events, fingerprint=asked, seconds=int(call.begin), **where)


def dated(at: str, **value: Any) -> dict[str, Any]:
    """A value of the time of a test clock."""
    return {"timestamp": f"2026-{at}T00:00:00+00:00", **value}


def month(start: str, end: str) -> dict[str, Any]:
    """A period for which nothing is to pay."""
    period = {"start": f"2026-{start}T00:00:00+00:00", "end": f"2026-{end}T00:00:00+00:00"}
    return {"period": period, "until": period["start"], "invoice": None, "postings": []}


def started(on: str, **value: Any) -> dict[str, Any]:
    anchor = f"2026-{on}T00:00:00+00:00"
    return {
        "state": "active", "trial_ends_at": None, "term_ends_at": None, "anchor": anchor, "started_at": anchor,
        "items": [{"terms": {"charges": [], "phases": []}}],
        "billing": {"proration": {"by": "day", "first_period": "prorated"}}, **value,
    }  # fmt: skip


def billed(invoice: str, *postings: dict[str, Any], **value: Any) -> dict[str, Any]:
    """What is posted on an invoice."""
    return {"invoice": invoice, "until": "2026-01-02T00:00:00Z", "period": None, "postings": postings, **value}


def posting(start: str, end: str, amount: int, agreement: str = "paid@1", **value: Any) -> dict[str, Any]:
    """Of the whole period that begins on the 2nd of January."""
    return {
        "item": "base", "charge": "fee", "discount": "", "whole_start": "2026-01-02T00:00:00Z", "agreement": agreement,
        "start": f"2026-{start}T00:00:00Z", "end": f"2026-{end}T00:00:00Z", "amount": amount, **value,
    }  # fmt: skip


def line(subscription: str, posted: dict[str, Any], formula: Any = None) -> dict[str, Any]:
    """What is posted, on an invoice."""
    same = {name: posted[name] for name in ("item", "charge", "discount", "amount")}
    return {
        "subscription": subscription, "period_start": posted["start"], "period_end": posted["end"], "formula": formula, **same
    }  # fmt: skip


def issued(*lines: dict[str, Any], credit_applied: int = 0, **value: Any) -> dict[str, Any]:
    """An invoice of these lines."""
    total = sum(each["amount"] for each in lines)
    opened = max(total, 0) - credit_applied
    return {
        "currency": "EUR", "lines": lines, "total": total, "credit_applied": credit_applied, "credited": max(-total, 0),
        "open": opened, "settled": opened == 0, **value,
    }  # fmt: skip


def attempt(number: int, version: int) -> tuple[str, int, str, dict[str, Any]]:
    amount = {"amount": 799, "currency": "EUR"}
    value = {"attempt": number, "amount": amount, "key": f"{PAYMENT}-{number}", "method": METHOD}
    return (PAYMENT, version, "payment.attempt_started.v1", value)


def outcome(kind: str, number: int, version: int, **value: Any) -> tuple[str, int, str, dict[str, Any]]:
    return (PAYMENT, version, f"payment.{kind}", {"attempt": number, "retry_at": None, **value})


CAPTURED = {"amount": {"amount": 799, "currency": "EUR"}, "applied": 799, "surplus": 0}
APPLIED = {"payment": PAYMENT, "amount": 799, "open": 0, "settled": True}
MONTH = posting("01-02", "02-02", 799)
STEPS: tuple[Step, ...] = (
    Step(1, partition="catalog"),
    Step(1, "client:shop", ((TENANT, 1, "tenant.created.v1", {}),), scope=TENANT, partition="catalog"),
    Step(1),
    by(REGISTER, 1, (CUSTOMER, 1, "customer.registered.v1", {"clock": None})),
    by(
        START, 1,
        (PAID, 1, "subscription.started.v2", started("01-02")),
        (PAID, 2, "subscription.billed.v1", billed(INVOICE, MONTH, period={name: MONTH[name] for name in ("start", "end")})),
        (INVOICE, 1, "invoice.issued.v2", issued(line(PAID, MONTH))),
        (PAYMENT, 1, "payment.requested.v2", {"attempt_at": None}),
        attempt(1, 2),
    ),
    Step(1, f"outcome:{PAYMENT}/1/1", (outcome("attempt_failed.v2", 1, 3, retry_at=time(6)),), seconds=3),
    Step(2, seconds=3),
    by(CHANGE, 2, (CUSTOMER, 2, "customer.changed.v1", {})),
    by(SET, 2, (CUSTOMER, 3, "customer.payment_method_set.v1", {})),
    Step(2, f"timer:{PAYMENT}/retry/2026-01-02T00:00:06+00:00", (attempt(2, 4),), seconds=6),
    Step(2, f"outcome:{PAYMENT}/2/1", (outcome("attempt_unknown.v1", 2, 5),), seconds=7),
    Step(
        2, f"outcome:{PAYMENT}/2/2",
        (outcome("captured.v1", 2, 6, **CAPTURED), (INVOICE, 2, "invoice.payment_applied.v1", APPLIED)), seconds=8,
    ),
    by(
        TRY, 2,
        (TRIAL, 1, "subscription.started.v2", started("01-02", state="trial", trial_ends_at=TRIAL_END, anchor=TRIAL_END)),
    ),
    by(CANCEL, 2, (TRIAL, 2, "subscription.cancellation_scheduled.v2", {"cancel_at": TRIAL_END})),
    Step(2, f"timer:{TRIAL}/cancel/{TRIAL_END}", ((TRIAL, 3, "subscription.cancelled.v2", {}),), seconds=20),
    by(MAKE, 1, (CLOCK, 1, "clock.created.v1", {"now": "2026-06-01T00:00:00Z"}), scope=TENANT, partition="catalog"),
    Step(1, partition="1", seconds=10),
    by(JOIN, 1, (TRAVELLER, 1, "customer.registered.v1", dated("06-01", clock="c")), **THERE, catalog=2),
    by(
        BEGIN, 1,
        (TRAVELLED, 1, "subscription.started.v2", dated("06-01", **started("06-01"))),
        (TRAVELLED, 2, "subscription.billed.v1", dated("06-01", **month("06-01", "07-01"))),
        **THERE, catalog=2,
    ),
    by(ADVANCE, 1, (CLOCK, 2, "clock.advanced.v1", {"now": "2026-07-10T00:00:00Z"}), scope=TENANT, partition="catalog"),
    Step(
        1, f"timer:{TRAVELLED}/bill/2026-07-01T00:00:00+00:00",
        ((TRAVELLED, 3, "subscription.billed.v1", dated("07-01", **month("07-01", "08-01"))),),
        **THERE, catalog=3, seconds=13,
    ),
)  # fmt: skip
BOOK = Book(
    [Charge(f"{PAYMENT}-{number}", CUSTOMER, "sim_ok", 799, "EUR") for number in (1, 2)], [Capture(f"{PAYMENT}-2", 799, "EUR")]
)


def receipted(call: Call, records: Mapping[str, Sequence[Record]]) -> Call:
    """The call with the receipt of its command, and its position."""
    id = command_id(SECRET, TENANT, call.key)
    own = [record for each in records.values() for record in each if record.headers.get("ce_commandid") == id]
    last = own[-1].headers
    position = f"{own[-1].partition}@{last['ce_sequence']}"
    receipt = {
        "stream": CLOCK if call in (MAKE, ADVANCE) else call.answer["id"],
        "version": call.answer["version"],
        "position": position,
        "event_hash": last["ce_hash"],
    }
    return replace(call, answer=call.answer | {"receipt": receipt}, headers={**call.headers, "ledger-position": position})


def history() -> History:
    """All of it, with what the clients were told and what readers have kept."""
    records = written(STEPS)
    asked = (
        REGISTER, replace(LOST, begin=1.5), START, CHANGE, SET, NEVER, STALE, TRY, CANCEL, MAKE, JOIN, BEGIN, ADVANCE, BACK,
        ENDED, REUSED,
    )  # fmt: skip
    calls = [receipted(call, records) if call.acknowledged else call for call in asked]
    replayed = receipted(replace(REGISTER, begin=15, end=15.5), records)
    reads = [
        get(0.5, f"/v1/customers/{CUSTOMER}", "0@0", 0, 404),
        get(1.2, f"/v1/customers/{CUSTOMER}", "0@1", 1, answer=customer(1, "Europe/Berlin", METHOD)),
        get(6, f"/v1/customers/{CUSTOMER}", "0@9", 3, answer=customer(3, "Europe/Paris", OTHER), least="0@8"),
        get(6.5, f"/v1/customers/{CUSTOMER}", "0@8", 2, 304),
        get(30, f"/v1/subscriptions/{TRIAL}", "0@16", 3, answer=subscription(TRIAL, 3, state="cancelled", cancel_at=TRIAL_END)),
    ]
    end = records["0"][-1]
    state = ReaderState("index", "0", end.offset + 1, 16, 2, end.headers["ce_hash"])
    return History(
        records=records,
        calls=[*calls, replayed, *reads],
        secret=SECRET,
        book=BOOK,
        states=[ReaderState("projector", "0", 0, 0, 0, NO_HASH), state],
        digests={holder: {"customers": "d1", "payments": "d2"} for holder in ("live", "rebuilt")},
        settled_at="2026-01-04T00:00:00Z",
    )
