"""The rules on invoices and postings pass a life with every kind of event, and find each number of it that is changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tests.checker.counting import Partition, count
from tests.checker.example import CUSTOMER, INVOICE, PAID, PAYMENT, Step, issued, line, posting, written
from tests.checker.invoices import books_agree
from tests.checker.postings import postings_stand, reckoned

Given = tuple[str, str, Mapping[str, Any]]
SECOND, THIRD, DRAFT, OTHER = (f"inv_0000000a{tail:0>20}" for tail in "2345")


def part(start: str, end: str, price: int, share: str, amount: int, before: str = "0", **value: Any) -> dict[str, Any]:
    """What is owed for a time of January."""
    steps = [{"quantity": "2", "unit_amount": str(price / 2), "flat_amount": 0}]
    return {
        "start": f"2026-{start}T00:00:00Z", "end": f"2026-{end}T00:00:00Z", "steps": steps, "off": None, "share": share,
        "before": before, "amount": amount, **value,
    }  # fmt: skip


def formula(*parts: Any, posted: Sequence[int] = (), withheld: int = 0, rounding: str = "half_up") -> dict[str, Any]:
    before = [{"invoice": INVOICE, "amount": amount, "waived": 0} for amount in posted]
    return {"rounding": rounding, "parts": parts, "posted": before, "withheld": withheld}


# A month for 799 with 100 off, then what is sold changes after 10 of 31 days to another for 1,599, which is 1,083 for the rest.
MONTH, OFF = posting("01-02", "02-02", 799), posting("01-02", "02-02", -100, discount="spring")
BACK, MORE = posting("01-12", "02-02", -541), posting("01-12", "02-02", 1083, "more@1")
OFF_BACK = posting("01-12", "02-02", 68, discount="spring")
LEFT = part("01-02", "01-12", 799, "10/31", 258)
OFF_LEFT = {"percent": None, "amount": 100, "left": "799", "taken": "0"}
BILLED = issued(
    line(PAID, MONTH, formula(part("01-02", "02-02", 799, "1", 799))),
    line(PAID, OFF, formula(part("01-02", "02-02", 0, "1", -100, off=OFF_LEFT))),
)
CHANGED = issued(
    line(PAID, BACK, formula(LEFT, posted=[799])),
    line(PAID, MORE, formula(part("01-12", "02-02", 1599, "21/31", 1083))),
    line(PAID, OFF_BACK, formula(part("01-02", "01-12", 0, "10/31", -32, off=OFF_LEFT), posted=[-100])),
)
MANUAL = {"subscription": "", "amount": 300}


def money(amount: int) -> dict[str, Any]:
    return {"amount": {"amount": amount, "currency": "EUR"}}


# Each command with its events, as (stream, type, value); names for the damages below.
LIFE: dict[str, list[Given]] = {
    "bill": [
        (PAID, "subscription.billed.v1", {"invoice": INVOICE, "postings": [MONTH, OFF]}),
        (INVOICE, "invoice.issued.v2", BILLED),
    ],
    "pay": [
        (PAYMENT, "payment.recorded.v1", {**money(900), "applied": 699, "surplus": 201}),
        (INVOICE, "invoice.payment_applied.v1", {"payment": PAYMENT, "amount": 699, "open": 0, "settled": True}),
        (CUSTOMER, "customer.credited.v1", money(201)),
    ],
    "change": [
        (PAID, "subscription.billed.v1", {"invoice": SECOND, "postings": [BACK, MORE, OFF_BACK]}),
        (SECOND, "invoice.issued.v2", issued(*CHANGED["lines"], credit_applied=201)),
        (CUSTOMER, "customer.credit_applied.v1", money(201)),
    ],
    "note": [
        (
            SECOND, "invoice.credit_noted.v1",
            {"lines": [{"line": 2, "amount": 500}], "amount": 500, "to_account": 91, "open": 0, "settled": True},
        ),
        (CUSTOMER, "customer.credited.v1", money(91)),
        (PAID, "subscription.line_waived.v1", {"invoice": SECOND, "posted": MORE, "amount": 500}),
    ],
    "refund": [
        (PAYMENT, "payment.refunded.v1", money(1)),
        (SECOND, "invoice.credit_noted.v1", {
            "lines": [{"line": 2, "amount": 1}], "amount": 1, "to_account": 1, "open": 0, "settled": True}),
        (CUSTOMER, "customer.credited.v1", money(1)),
        (CUSTOMER, "customer.credit_refunded.v1", money(1)),
        (PAID, "subscription.line_waived.v1", {"invoice": SECOND, "posted": MORE, "amount": 1}),
    ],
    "draft": [(DRAFT, "invoice.drafted.v1", {"currency": "EUR", "lines": [MANUAL], "total": 300})],
    "add": [(DRAFT, "invoice.lines_added.v1", {"lines": [MANUAL, MANUAL], "total": 600})],
    "finalize": [
        (DRAFT, "invoice.finalized.v1", issued(MANUAL, MANUAL, credit_applied=91)),
        (CUSTOMER, "customer.credit_applied.v1", money(91)),
    ],
    "write off": [(DRAFT, "invoice.written_off.v1", {"amount": 509})],
    "recover": [
        (OTHER.replace("inv", "pay"), "payment.captured.v1", {**money(9), "applied": 9, "surplus": 0}),
        (
            DRAFT, "invoice.recovered.v1",
            {"payment": OTHER.replace("inv", "pay"), "amount": 9, "written_off": 500, "settled": False},
        ),
    ],
    "bill wrongly": [
        (PAID, "subscription.billed.v1", {"invoice": THIRD, "postings": [posting("01-02", "02-02", 50, "other@1")]}),
        (THIRD, "invoice.issued.v2", issued(line(PAID, posting("01-02", "02-02", 50, "other@1")))),
    ],
    "void": [
        (THIRD, "invoice.voided.v1", {"credit_returned": 0}),
        (PAID, "subscription.invoice_withdrawn.v1", {"invoice": THIRD, "rebill": True}),
    ],
}  # fmt: skip


def found(life: Mapping[str, Sequence[Given]]) -> list[str]:
    versions: dict[str, int] = {}
    steps = [Step(1)]
    for number, events in enumerate(life.values()):
        made = []
        for stream, type_, value in events:
            versions[stream] = versions.get(stream, 0) + 1
            made.append((stream, versions[stream], type_, dict(value)))
        steps.append(Step(1, f"client:{number}", tuple(made)))
    partitions: dict[str, Partition] = {"0": count("0", written(steps)["0"], fenced=True)}
    assert not partitions["0"].violations
    return [violation.what for rule in (books_agree, postings_stand) for violation in rule(partitions)]


def with_(command: str, number: int, **values: Any) -> dict[str, list[Given]]:
    """The life in which an event of a command holds other values."""
    stream, type_, value = LIFE[command][number]
    events = [*LIFE[command]]
    events[number] = (stream, type_, {**value, **values})
    return {**LIFE, command: events}


def without(command: str, number: int) -> dict[str, list[Given]]:
    return {**LIFE, command: [each for at, each in enumerate(LIFE[command]) if at != number]}


def lines_of(invoice: Mapping[str, Any], number: int, **values: Any) -> dict[str, Any]:
    """The invoice with another line."""
    lines = [line | values if at == number else line for at, line in enumerate(invoice["lines"])]
    return issued(*lines)


TWICE: list[Given] = [
    (PAID, "subscription.billed.v1", {"invoice": OTHER, "postings": [posting("01-20", "02-20", 799)]}),
    (
        OTHER, "invoice.issued.v2",
        issued(line(PAID, posting("01-20", "02-20", 799), formula(part("01-20", "02-20", 799, "1", 799)))),
    ),
]  # fmt: skip
TOO_MUCH_BACK: list[Given] = [
    (PAID, "subscription.billed.v1", {"invoice": OTHER, "postings": [posting("01-12", "02-02", -700, "more@1")]}),
    (OTHER, "invoice.issued.v2", issued(line(PAID, posting("01-12", "02-02", -700, "more@1")))),
    (CUSTOMER, "customer.credited.v1", money(700)),
]

DAMAGES: list[tuple[Mapping[str, Sequence[Given]], str]] = [
    (with_("bill", 1, total=700), "the amounts of a invoice.issued.v2"),
    (with_("bill", 1, open=698), "the amounts of a invoice.issued.v2"),
    (with_("bill", 1, settled=True), "the amounts of a invoice.issued.v2"),
    (with_("bill", 1, credited=1), "the amounts of a invoice.issued.v2"),
    (with_("pay", 0, applied=698), "the amounts of a payment.recorded.v1"),
    (with_("pay", 0, applied=698, surplus=202), "{'pay_"),
    (with_("pay", 1, amount=698), "the amounts of a invoice.payment_applied.v1"),
    (with_("pay", 2, **money(200)), "{'EUR': 201} is given to the account, which gets {'EUR': 200}"),
    (without("pay", 1), "{'pay_"),
    (without("pay", 2), "{'EUR': 201} is given to the account, which gets {}"),
    (without("change", 2), "{'EUR': -201} is given to the account"),
    ({**LIFE, "pay": []} | {"pay": without("pay", 2)["pay"]}, "more of the account's credit is used than there is"),
    (with_("note", 0, to_account=90), "the amounts of a invoice.credit_noted.v1"),
    (with_("note", 0, lines=[{"line": 1, "amount": 500}]), "the amounts of a invoice.credit_noted.v1"),
    (with_("note", 0, amount=499), "the amounts of a invoice.credit_noted.v1"),
    (with_("note", 2, posted=MONTH), "what is waived was never posted"),
    (with_("note", 2, amount=1084), "-2 is left of"),
    (without("refund", 0), "{'EUR': 1} is given to the account, which gets {'EUR': 0}"),
    (without("refund", 3), "{'EUR': 0} is given to the account, which gets {'EUR': 1}"),
    (with_("add", 0, lines=[MANUAL]), "the amounts of a invoice.lines_added.v1"),
    (with_("add", 0, lines=[{**MANUAL, "amount": 1}, MANUAL]), "the amounts of a invoice.lines_added.v1"),
    (with_("draft", 0, total=1), "the amounts of a invoice.drafted.v1"),
    (with_("finalize", 0, open=600), "the amounts of a invoice.finalized.v1"),
    ({**LIFE, "again": LIFE["finalize"][:1]}, "the amounts of a invoice.finalized.v1"),
    (with_("write off", 0, amount=1), "the amounts of a invoice.written_off.v1"),
    (with_("recover", 1, written_off=0, settled=True), "the amounts of a invoice.recovered.v1"),
    (with_("void", 0, credit_returned=1), "the amounts of a invoice.voided.v1"),
    ({**LIFE, "void paid": [(INVOICE, "invoice.voided.v1", {"credit_returned": 0})]}, "the amounts of a invoice.voided.v1"),
    ({**LIFE, "void none": [("inv_none", "invoice.voided.v1", {"credit_returned": 0})]}, "an event of an invoice that was never"),
    (without("bill", 0), f"{PAID} has posted something else than stands on {INVOICE}"),
    (with_("bill", 0, postings=[MONTH]), f"{PAID} has posted something else than stands on {INVOICE}"),
    (with_("bill", 0, postings=[{**MONTH, "amount": 798}, OFF]), f"{PAID} has posted something else than stands on {INVOICE}"),
    (with_("bill", 1, **lines_of(BILLED, 0, formula=formula(LEFT))), f"line 1 of {PAID} on {INVOICE} is 799, its formula 258"),
    ({**LIFE, "twice": TWICE}, f"{PAID}/base/fee is billed twice from 2026-01-20"),
    ({**LIFE, "back": TOO_MUCH_BACK}, f"-118 is left of {PAID}/base/fee from 2026-01-02T00:00:00Z under more@1"),
]


def test_a_good_life_passes() -> None:
    assert found(LIFE) == []


@pytest.mark.parametrize(("life", "what"), DAMAGES)
def test_damage_to_amounts_is_found(life: Mapping[str, Sequence[Given]], what: str) -> None:
    assert any(each.startswith(what) for each in found(life)), found(life)


@pytest.mark.parametrize(
    ("it", "amount"),
    [
        (formula(part("01-02", "01-12", 5, "1/2", 3)), 3),
        (formula(part("01-02", "01-12", 5, "1/2", 2), rounding="half_even"), 2),
        (formula(part("01-02", "01-12", 1000, "1/3", 334, before="1000/3")), 334),
        (formula(posted=[799], withheld=100), -699),
        (
            formula(part("01-02", "01-12", 0, "1/2", -100, off={"percent": "20", "amount": None, "left": "999", "taken": "0"})),
            -100,
        ),
        (formula(part("01-02", "01-12", 0, "1", -30, off={"percent": None, "amount": 50, "left": "999", "taken": "20"})), -30),
        (formula(part("01-02", "01-12", 0, "1", -10, off={"percent": None, "amount": 50, "left": "10", "taken": "0"})), -10),
    ],
)
def test_a_formula_is_reckoned_apart_from_the_ledger(it: Mapping[str, Any], amount: int) -> None:
    assert reckoned(it) == amount
