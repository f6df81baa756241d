"""Invoices and accounts: what each comes to is reckoned from the events alone, and money moves whole, in one command."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.checker.counting import Command, Event, Partition
from tests.checker.history import Violation

RULE = "invoices"
Data = Mapping[str, Any]
# Event → whether the account has more or less after it.
_ACCOUNT = {"customer.credited.v1": 1, "customer.credit_applied.v1": -1, "customer.credit_refunded.v1": -1}


@dataclass(slots=True)
class Invoice:
    """As its events have it. Of each line, by its number from 1, credit notes gave up so much as is ``noted``."""

    currency: str
    lines: list[Data]
    state: str = "draft"
    open: int = 0
    credit_applied: int = 0
    paid: int = 0
    written_off: int = 0
    noted: Counter[int] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        return sum(line["amount"] for line in self.lines)


def books_agree(partitions: Mapping[str, Partition]) -> Iterator[Violation]:
    """Every rule of this file."""
    books = _Books()
    for command in (command for partition in partitions.values() for command in partition.commands):
        yield from books.take(command)


class _Books:
    """All invoices and accounts, after the commands that were taken."""

    def __init__(self) -> None:
        self._invoices: dict[str, Invoice] = {}
        self._accounts: Counter[tuple[str, str]] = Counter()  # by scope and currency

    def take(self, command: Command) -> Iterator[Violation]:
        """What a command does to them, and whether money moves whole: what one gives another gets."""
        given, got = Counter[str](), Counter[str]()  # to accounts, by currency
        applied, paid = Counter[str](), Counter[str]()  # to invoices, by payment
        for event in command.events:
            data = json.loads(event.record.value)
            if event.type.startswith("invoice."):
                invoice = self._invoice(event, data)
                if invoice is None:
                    yield Violation(RULE, "an event of an invoice that was never made", (str(event.record),))
                    continue
                yield from _wrong(event, _CHANGES[event.type](invoice, data))
                given[invoice.currency] += _to_account(event, data, invoice)
                if event.type in ("invoice.payment_applied.v1", "invoice.recovered.v1"):
                    applied[data["payment"]] += data["amount"]
            elif event.type in ("payment.captured.v1", "payment.recorded.v1"):
                yield from _wrong(event, [data["amount"]["amount"] == data["applied"] + data["surplus"]])
                paid[event.stream] += data["applied"]
                given[data["amount"]["currency"]] += data["surplus"]
            elif event.type == "payment.refunded.v1":
                given[data["amount"]["currency"]] -= data["amount"]["amount"]
            elif event.type in _ACCOUNT:
                money = data["amount"]
                got[money["currency"]] += _ACCOUNT[event.type] * money["amount"]
                self._accounts[event.scope, money["currency"]] += _ACCOUNT[event.type] * money["amount"]
                if self._accounts[event.scope, money["currency"]] < 0:
                    yield Violation(RULE, "more of the account's credit is used than there is", (str(event.record),))
        if any(given[currency] != got[currency] for currency in given.keys() | got.keys()):
            yield Violation(RULE, f"{dict(given)} is given to the account, which gets {dict(got)}", (str(command),))
        if any(applied[payment] != paid[payment] for payment in applied.keys() | paid.keys()):
            yield Violation(RULE, f"{dict(paid)} is paid, and {dict(applied)} goes to invoices", (str(command),))

    def _invoice(self, event: Event, data: Data) -> Invoice | None:
        if event.type in ("invoice.issued.v2", "invoice.drafted.v1"):
            self._invoices[event.stream] = Invoice(data["currency"], data["lines"])
        return self._invoices.get(event.stream)


def _wrong(event: Event, fits: list[bool]) -> Iterator[Violation]:
    if not all(fits):
        yield Violation(RULE, f"the amounts of a {event.type} do not agree", (str(event.record),))


def _to_account(event: Event, data: Data, invoice: Invoice) -> int:
    """What an event of an invoice gives to its customer's account, or takes from there."""
    match event.type:
        case "invoice.issued.v2" | "invoice.finalized.v1":
            return int(data["credited"] - data["credit_applied"])
        case "invoice.credit_noted.v1":
            return int(data["to_account"])
        case "invoice.voided.v1":
            return invoice.credit_applied
    return 0


# Each changes the invoice by an event of it, and gives what must hold.


def _drafted(invoice: Invoice, data: Data) -> list[bool]:
    return [data["total"] == invoice.total]


def _lines_added(invoice: Invoice, data: Data) -> list[bool]:
    before, invoice.lines = invoice.lines, data["lines"]
    return [invoice.state == "draft", data["lines"][: len(before)] == before, data["total"] == invoice.total]


def _issued(invoice: Invoice, data: Data) -> list[bool]:
    total, invoice.credit_applied = invoice.total, data["credit_applied"]
    invoice.open, was = max(total, 0) - invoice.credit_applied, invoice.state
    invoice.state = "open" if invoice.open else "paid"
    return [was == "draft", data["total"] == total, data["credited"] == max(-total, 0), *_remains(invoice, data)]


def _remains(invoice: Invoice, data: Data) -> list[bool]:
    return [invoice.open >= 0, data["open"] == invoice.open, data["settled"] is (invoice.open == 0)]


def _payment_applied(invoice: Invoice, data: Data) -> list[bool]:
    was, invoice.open, invoice.paid = invoice.state, invoice.open - data["amount"], invoice.paid + data["amount"]
    invoice.state = "open" if invoice.open else "paid"
    return [was == "open", *_remains(invoice, data)]


def _credit_noted(invoice: Invoice, data: Data) -> list[bool]:
    """No more than was billed, of each line and of all; what is open first, the rest to the account."""
    was, of_open = invoice.state, min(data["amount"], invoice.open)
    invoice.open -= of_open
    for each in data["lines"]:
        invoice.noted[each["line"]] += each["amount"]
    invoice.state = "open" if invoice.open else "paid"
    return [
        was in ("open", "paid"),
        data["amount"] == sum(each["amount"] for each in data["lines"]),
        data["to_account"] == data["amount"] - of_open,
        all(noted <= invoice.lines[line - 1]["amount"] for line, noted in invoice.noted.items()),
        sum(invoice.noted.values()) <= invoice.total,
        *_remains(invoice, data),
    ]


def _voided(invoice: Invoice, data: Data) -> list[bool]:
    """What was paid, or given up, is not made undone."""
    invoice.state, was, invoice.open = "void", invoice.state, 0
    untouched = not invoice.paid and not invoice.noted and invoice.total >= 0
    return [was in ("draft", "open", "paid"), untouched or was == "draft", data["credit_returned"] == invoice.credit_applied]


def _written_off(invoice: Invoice, data: Data) -> list[bool]:
    was, invoice.written_off = invoice.open, data["amount"]
    invoice.state, invoice.open = "uncollectible", 0
    return [was > 0, data["amount"] == was]


def _recovered(invoice: Invoice, data: Data) -> list[bool]:
    invoice.written_off -= data["amount"]
    invoice.paid += data["amount"]
    was, invoice.state = invoice.state, "uncollectible" if invoice.written_off else "paid"
    settled = data["settled"] is (invoice.written_off == 0)
    return [was == "uncollectible", invoice.written_off >= 0, data["written_off"] == invoice.written_off, settled]


_CHANGES: Mapping[str, Callable[[Invoice, Data], list[bool]]] = {
    "invoice.drafted.v1": _drafted,
    "invoice.lines_added.v1": _lines_added,
    "invoice.issued.v2": _issued,
    "invoice.finalized.v1": _issued,
    "invoice.payment_applied.v1": _payment_applied,
    "invoice.credit_noted.v1": _credit_noted,
    "invoice.voided.v1": _voided,
    "invoice.written_off.v1": _written_off,
    "invoice.recovered.v1": _recovered,
}
