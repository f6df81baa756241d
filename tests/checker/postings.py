"""What subscriptions bill: each amount follows from the numbers beside it, and no time is billed twice."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from fractions import Fraction
from itertools import pairwise
from math import floor
from typing import Any

from tests.checker.counting import Command, Event, Partition
from tests.checker.history import Violation

RULE = "postings"
Data = Mapping[str, Any]
Charge = tuple[str, str, str]  # subscription, item, charge
Period = tuple[Charge, str, str]  # of a charge, from when on the whole period is counted, and under which agreement


@dataclass(frozen=True, slots=True)
class Billed:
    """A posting that still stands: its ``amount`` less what credit notes ``waived``, with its line's formula."""

    event: Event
    invoice: str
    discount: str
    start: str
    amount: int
    formula: Data | None
    waived: int = 0

    @property
    def net(self) -> int:
        return self.amount - self.waived


def postings_stand(partitions: Mapping[str, Partition]) -> Iterator[Violation]:
    """Every rule of this file."""
    billed: dict[Period, list[Billed]] = defaultdict(list)
    for command in (command for partition in partitions.values() for command in partition.commands):
        lines = _lines(command)
        yield from _one_line_each(command, lines)
        for event in command.events:
            yield from _take(event, lines, billed)
    yield from _no_more_back_than_billed(billed)
    yield from _once(billed)


def _lines(command: Command) -> dict[tuple[str, str], list[Data]]:
    """What a command puts on an invoice for a subscription, in order; by both."""
    found: dict[tuple[str, str], list[Data]] = defaultdict(list)
    for event in command.events:
        if event.type in ("invoice.issued.v2", "invoice.drafted.v1"):
            for line in json.loads(event.record.value)["lines"]:
                if line["subscription"]:
                    found[event.stream, line["subscription"]].append(line)
    return found


def _one_line_each(command: Command, lines: Mapping[tuple[str, str], Sequence[Data]]) -> Iterator[Violation]:
    """What is posted stands on the invoice, line by line, and follows from the numbers that stand beside it."""
    billed = {
        (data["invoice"], event.stream): [_named(each, "start", "end") for each in data["postings"]]
        for event in command.events
        if event.type == "subscription.billed.v1" and (data := json.loads(event.record.value))["postings"]
    }
    for invoice, subscription in {**billed, **lines}:
        own = lines.get((invoice, subscription), ())
        if billed.get((invoice, subscription), []) != [_named(line, "period_start", "period_end") for line in own]:
            yield Violation(RULE, f"{subscription} has posted something else than stands on {invoice}", (str(command),))
        for number, line in enumerate(own, 1):
            if line["formula"] is not None and (amount := reckoned(line["formula"])) != line["amount"]:
                what = f"line {number} of {subscription} on {invoice} is {line['amount']}, its formula {amount}"
                yield Violation(RULE, what, (str(command),))


def _named(it: Data, start: str, end: str) -> tuple[Any, ...]:
    return tuple(it[name] for name in ("item", "charge", "discount", start, end, "amount"))


def _take(
    event: Event, lines: Mapping[tuple[str, str], Sequence[Data]], billed: dict[Period, list[Billed]]
) -> Iterator[Violation]:
    data = json.loads(event.record.value)
    if event.type == "subscription.billed.v1":
        # Where they do not fit, that was told.
        for each, line in zip(data["postings"], lines.get((data["invoice"], event.stream), ()), strict=False):
            posted = Billed(event, data["invoice"], each["discount"], each["start"], each["amount"], line["formula"])
            billed[_period(event, each)].append(posted)
    elif event.type == "subscription.line_waived.v1":
        found = billed[_period(event, data["posted"])]
        wanted = (data["invoice"], *(data["posted"][name] for name in ("discount", "start", "amount")))
        at = next((n for n, it in enumerate(found) if (it.invoice, it.discount, it.start, it.amount) == wanted), None)
        if at is None:
            yield Violation(RULE, "what is waived was never posted", (str(event.record),))
        else:
            found[at] = replace(found[at], waived=found[at].waived + data["amount"])
    elif event.type == "subscription.invoice_withdrawn.v1":
        for period, postings in billed.items():
            if period[0][0] == event.stream:
                postings[:] = [each for each in postings if each.invoice != data["invoice"]]


def _period(event: Event, posting: Data) -> Period:
    return (event.stream, posting["item"], posting["charge"]), posting["whole_start"], posting["agreement"]


def reckoned(formula: Data) -> int:
    """What a formula comes to, in minor units."""
    owed = 0
    for part in formula["parts"]:
        before = Fraction(part["before"])
        owed += _rounded(before + _price(part) * Fraction(part["share"]), formula) - _rounded(before, formula)
    posted = sum(int(each["amount"]) for each in formula["posted"])
    return owed - posted + int(formula["withheld"])


def _price(part: Data) -> Fraction:
    """Of the whole period, in minor units."""
    if (off := part["off"]) is None:
        steps = part["steps"]
        return sum((Fraction(it["quantity"]) * Fraction(it["unit_amount"]) + it["flat_amount"] for it in steps), Fraction(0))
    left = Fraction(off["left"])
    if off["percent"] is not None:
        return -left * Fraction(off["percent"]) / 100
    return -min(left, Fraction(off["amount"]) - Fraction(off["taken"]))


def _rounded(exact: Fraction, formula: Data) -> int:
    """Halves away from zero, or to the even neighbour."""
    if formula["rounding"] == "half_even":
        return round(exact)
    return floor(abs(exact) + Fraction(1, 2)) * (-1 if exact < 0 else 1)


def _no_more_back_than_billed(billed: Mapping[Period, Sequence[Billed]]) -> Iterator[Violation]:
    """What an agreement comes to in a period, with its discounts, and less what was given up, is never below nothing."""
    for (charge, since, agreement), postings in billed.items():
        if (net := sum(each.net for each in postings)) < 0:
            what = f"{net} is left of {'/'.join(charge)} from {since} under {agreement}: more was given back than billed"
            yield Violation(RULE, what, _shown(postings))


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time that is billed, so much of minor units a second."""

    start: datetime
    end: datetime
    rate: Fraction
    postings: Sequence[Billed]


def _once(billed: Mapping[Period, Sequence[Billed]]) -> Iterator[Violation]:
    """Of one charge no time is billed twice, whatever it was sold as: what was is given back first."""
    stretches: dict[Charge, list[Stretch]] = defaultdict(list)
    for (charge, _, _), postings in billed.items():
        of_price = [each for each in postings if not each.discount]
        last = next((each.formula for each in reversed(of_price) if each.formula is not None), None)
        if last is not None and sum(each.net for each in of_price) > 0:
            stretches[charge] += _stretches(last, of_price)
    for charge, own in stretches.items():
        for one, other in pairwise(sorted(own, key=lambda each: (each.start, each.end))):
            overlap = (min(one.end, other.end) - other.start).total_seconds()
            # What is worth less than a minor unit is lost in rounding, and no line is made of it.
            if overlap > 0 and Fraction(overlap) * min(one.rate, other.rate) >= 1:
                what = f"{'/'.join(charge)} is billed twice from {other.start.isoformat()} on"
                yield Violation(RULE, what, _shown([*one.postings, *other.postings]))


def _stretches(formula: Data, postings: Sequence[Billed]) -> Iterator[Stretch]:
    """The times for which something is owed, by the last that was posted."""
    for part in formula["parts"]:
        start, end = datetime.fromisoformat(part["start"]), datetime.fromisoformat(part["end"])
        if part["amount"] > 0 and start < end:
            yield Stretch(start, end, Fraction(part["amount"]) / Fraction((end - start).total_seconds()), postings)


def _shown(postings: Sequence[Billed]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(each.event.record) for each in postings))
