"""What pricing takes: a line of an invoice from what is sold to whole cents, beside the bare arithmetic of the same share.

In this process, without a ledger: the same function of the sale, of what was posted and of time that every bill goes through.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from timeit import timeit
from typing import Annotated

import typer

from bench.harness.command import Json, Rounds, main
from bench.harness.result import Line, Result, Target, show
from domain.catalog.terms import Charge, Interval, Terms
from domain.money import Money, rounded
from domain.pricing.difference import Posting, difference
from domain.pricing.discounts import Discount
from domain.pricing.expected import parts
from domain.pricing.models import Graduated, PricingModel, Tier
from domain.subscription.sale import Agreement, Billing, Item, Sale

LINE_US = 50.0
_START, _MIDST, _NEXT = (datetime(2026, 1, day, 10, tzinfo=UTC) for day in (1, 12, 31))
_TIERS = tuple(Tier(up_to=10**power, unit_amount=Decimal("1.5") / power) for power in range(1, 5))
_GRADUATED = Graduated(model="graduated", tiers=(*_TIERS, Tier(up_to=None, unit_amount=Decimal("0.01"))))
_HALF_OFF = Discount(id="half", name="Half", percent=Decimal(50), since=_START)

Number = Annotated[int, typer.Option("--number", min=1, help="How often each is done in a round.")]


def pricing(number: Number = 100, rounds: Rounds = 100, json: Json = False) -> None:
    """The time of one line, by what has to be priced."""
    subjects = dict(_subjects())
    times: dict[str, list[float]] = {what: [] for what in ("", *subjects)}
    for _ in range(rounds):
        times[""].append(timeit(_bare, number=number) / number)
        for what, (price, lines) in subjects.items():
            times[what].append(timeit(price, number=number) / number / lines)
    ceiling = 1e6 * min(times.pop(""))
    found = [Line(what, 1e6 * min(each), "µs a line", ceiling, Target("figure", "<", LINE_US)) for what, each in times.items()]
    notes = [
        "Of a sale with its calendar and what was posted: which parts of periods are owed, at what price and share; the total"
        " rounded cumulatively; the lines that make what was posted what is owed. Of a new sale the timeline is laid out, too.",
        "The ceiling is the same line by hand: amount × days ÷ days of the month, in fractions, rounded half-up.",
        "The least of the rounds: what disturbs the machine only adds to so short a time.",
    ]
    show(Result("pricing", "Pricing and proration of one line", found, notes), json)


def _bare() -> int:
    return rounded(Fraction(999) * Fraction(20, 31), "half_up")


def _subjects() -> Iterator[tuple[str, tuple[Callable[[], object], int]]]:
    """What is priced, how, and how many lines come of it."""
    sale = _sale()
    posted = _priced(sale, ())
    changed = replace(sale, agreements=(*sale.agreements, Agreement(start=_MIDST, items=(_item("plus", 1999),))))
    tiered = _sale(_item("api", 0, _GRADUATED, Decimal(12_345)))
    discounted = replace(sale, discounts=(_HALF_OFF,))
    yield "a month", (lambda: _priced(sale, ()), 1)
    yield "a month of a new sale", (lambda: _priced(_fresh(sale), ()), 1)
    yield "an upgrade in its midst, the old price's days taken back", (lambda: _priced(changed, posted), 2)
    yield "12,345 units in five tiers", (lambda: _priced(tiered, ()), 1)
    yield "a month at half price", (lambda: _priced(discounted, ()), 2)


def _priced(sale: Sale, posted: Sequence[Posting]) -> list[Posting]:
    """What is to be posted for the first month."""
    expected = parts(sale.spans, sale.skipped, _START, _NEXT)
    return [each.posting for each in difference(expected, posted, sale.billing.proration.rounding)]


def _fresh(sale: Sale) -> Sale:
    """The same, with nothing known of it yet."""
    return replace(sale)


def _sale(item: Item | None = None) -> Sale:
    agreements = (Agreement(start=_START, items=(item or _item("gold", 999),)),)
    return Sale(timezone="Europe/Berlin", billing=Billing(), started_at=_START, anchor=_START, agreements=agreements)


def _item(price: str, amount: int, model: PricingModel | None = None, quantity: Decimal = Decimal(1)) -> Item:
    terms = Terms(
        bundle="gold",
        bundle_name="Gold",
        price=price,
        price_version=1,
        amount=Money(amount=amount, currency="EUR"),
        interval=Interval(unit="month"),
        charges=() if model is None else (Charge(id="units", name="Units", pricing=model),),
    )
    return Item(terms=terms, grants=(), quantity=quantity)


if __name__ == "__main__":
    main(pricing)
