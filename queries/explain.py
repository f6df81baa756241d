"""Why a line of an invoice is what it is: its formula with all numbers, in words as well, and the events that it follows from."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import orjson

from domain.invoice.events import Line
from domain.money import exponent, rounded
from domain.pricing.formula import Formula, PostedBefore, PricedPart
from queries.ports import Row, Snapshot

_INVOICE = "SELECT currency, lines, version FROM ledger.invoices WHERE id = %(id)s"
_EVENTS = """
    SELECT stream, version, type, partition, sequence, attributes, value FROM ledger.history
    WHERE stream = ANY(%(streams)s) AND type LIKE ANY(%(types)s) ORDER BY stream, version
"""
_TYPES = ["invoice.issued.%", "invoice.drafted.%", "invoice.lines\\_added.%", "subscription.billed.%", "price.published.%"]


async def explain(snapshot: Snapshot, tenant: str, invoice: str, number: int) -> Row | None:
    """The explanation of an invoice's line, counted from 1; None where there is none."""
    row = await snapshot.one(_INVOICE, id=invoice)
    if row is None or not 1 <= number <= len(row["lines"]):
        return None
    line, currency = Line.model_validate(row["lines"][number - 1]), row["currency"]
    price = f"{tenant}/price/{line.price}@{line.price_version}"
    rows = await snapshot.all(_EVENTS, streams=[invoice, line.subscription, price], types=_TYPES)
    recomputed = None if line.formula is None else line.formula.amount()
    return {
        "invoice": invoice,
        "line": number,
        "description": line.description,
        "subscription": line.subscription or None,
        "item": line.item or None,
        "charge": line.charge or None,
        "price": line.price or None,
        "price_version": line.price_version or None,
        "amount": {"amount": line.amount, "currency": currency},
        "recomputed": None if recomputed is None else {"amount": recomputed, "currency": currency},
        "formula": line.formula,
        "text": list(sentences(line, currency)),
        "events": [_event(each) for each in rows if _is_about(each, invoice, number)],
        "version": row["version"],
    }


def _is_about(row: Row, invoice: str, number: int) -> bool:
    """Whether an event posted the line, or published its price."""
    value = orjson.loads(row["value"])
    if row["type"].startswith("subscription."):
        return bool(value["invoice"] == invoice)
    return row["type"].startswith("price.") or len(value["lines"]) >= number


def _event(row: Row) -> dict[str, Any]:
    attributes = orjson.loads(row["attributes"])
    position = f"{row['partition']}@{row['sequence']}"
    return {"id": attributes["id"], "type": row["type"], "position": position, "hash": attributes["hash"]}


def sentences(line: Line, currency: str) -> Iterator[str]:
    """The formula in words, a step each."""
    formula = line.formula
    if formula is None:
        yield f"{_money(line.amount, currency)} is what a client named."
        return
    for part in formula.parts:
        yield from _part(part, formula, currency)
    for posted in formula.posted:
        yield _posted(posted, currency)
    if formula.withheld:
        yield f"Plus {_money(formula.withheld, currency)}, which credit notes gave up already."
    yield f"Together: {_money(line.amount, currency)}."


def _part(part: PricedPart, formula: Formula, currency: str) -> Iterator[str]:
    price, share, before = part.price, Fraction(part.share), Fraction(part.before)
    for step in part.steps:
        each = f" and {_money(step.flat_amount, currency)}" if step.flat_amount else ""
        yield f"{step.quantity:f} x {_money(step.unit_amount, currency)}{each} = {_money(step.exact, currency)}."
    if part.off is not None:
        left = _money(Fraction(part.off.left), currency)
        if part.off.percent is not None:
            yield f"{part.off.percent:f} % off {left}."
        else:
            taken = _money(Fraction(part.off.taken), currency)
            yield f"{_money(part.off.amount or 0, currency)} off {left}, of which {taken} was taken off other charges."
    whole = ""
    if part.whole_start is not None and part.whole_end is not None:
        whole = f", {share} of {_instant(part.whole_start)} to {_instant(part.whole_end)}"
    period = f"{_instant(part.start)} to {_instant(part.end)}{whole}"
    yield f"{period}: {share} x {_money(price, currency)} = {_money(price * share, currency)}."
    upto = rounded(before + price * share, formula.rounding)
    so_far = f", less {_money(rounded(before, formula.rounding), currency)} for what was before in the period" if before else ""
    rounding = formula.rounding.replace("_", " ")
    yield f"{_money(before + price * share, currency)} is, rounded {rounding}, {_money(upto, currency)}{so_far}."


def _posted(posted: PostedBefore, currency: str) -> str:
    waived = f", of which credit notes gave up {_money(posted.waived, currency)}" if posted.waived else ""
    return f"Less {_money(posted.amount, currency)}, which stands on {posted.invoice}{waived}."


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _money(minor: Fraction | Decimal | int, currency: str) -> str:
    """An exact amount in major units, with at most six digits more than the currency has."""
    digits = exponent(currency)
    scaled = rounded(Fraction(minor) * 10**6, "half_even")
    whole, rest = divmod(abs(scaled), 10 ** (digits + 6))
    decimals = f"{rest:0{digits + 6}d}"
    decimals = decimals[:digits] + decimals[digits:].rstrip("0")
    return f"{'-' if scaled < 0 else ''}{whole}{'.' if decimals else ''}{decimals} {currency}"
