"""An invoice is a difference: what should have been billed by now, minus what was posted. So billing again yields nothing,
whatever was changed is put right by lines that say so, and who changes something there and back the same instant owes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from fractions import Fraction
from itertools import groupby, pairwise
from typing import NamedTuple, TypeVar

from domain.money import Rounding, rounded
from domain.pricing.expected import Key, Part

Keyed = TypeVar("Keyed", Part, "Posting")


@dataclass(frozen=True, slots=True)
class Posting:
    """``amount`` minor units, negative where it takes back, that a line of ``invoice`` bears for ``[start, end)``. ``waived``:
    so much of it was given up by credit notes.
    """

    key: Key
    agreement: str
    start: datetime
    end: datetime
    amount: int
    invoice: str = ""
    waived: int = 0


class Owed(NamedTuple):
    """A part with its ``amount`` in whole minor units; earlier parts of its period come to ``before``."""

    part: Part
    before: Fraction
    amount: int


@dataclass(frozen=True, slots=True)
class Correction:
    """A line to be posted, and why: the parts that are ``owed`` under its agreement, and what was ``posted`` for them before. So
    much less than that is given back as is ``withheld``, since credit notes gave it up already.
    """

    posting: Posting
    owed: tuple[Owed, ...]
    posted: tuple[Posting, ...] = ()
    withheld: int = 0


_NOTHING = (Fraction(0), 0)


def reckoned(parts: Iterable[Part], rounding: Rounding) -> list[Owed]:
    """The parts of one key, in the order of time: the running total is rounded and differences are taken, so that three thirds of
    10.00 are 10.00. Each agreement has a total of its own: what is sold instead costs what it would cost alone.
    """
    found, sums = list[Owed](), dict[str, tuple[Fraction, int]]()
    for part in parts:
        total, before = sums.get(part.agreement, _NOTHING)
        after = total + part.exact
        upto = rounded(after, rounding)
        found.append(Owed(part, total, upto - before))
        sums[part.agreement] = after, upto
    return found


def difference(
    expected: Iterable[Part], posted: Iterable[Posting], rounding: Rounding, since: datetime | None = None
) -> Iterator[Correction]:
    """The lines that make what was ``posted`` what is ``expected``, what they take back first; both are of the same keys. What
    begins before ``since`` is not owed here: it only counts for the rounding of what follows.
    """
    wanted, has = _grouped(expected), _grouped(posted)
    for _, keys in groupby(sorted(wanted.keys() | has.keys(), key=_order), _charge):
        found, before = list[Correction](), list[Posting]()
        for key in keys:
            owed = reckoned(sorted(wanted.get(key, ()), key=lambda part: part.start), rounding)
            owed = [each for each in owed if since is None or each.part.start >= since]
            of_key = _of_one_key(owed, has.get(key, []))
            found += sorted(of_key, key=lambda each: (each.posting.amount > 0, each.posting.start))
            before += has.get(key, [])
        yield from _limited(found, before)


def _limited(corrections: Sequence[Correction], posted: Sequence[Posting]) -> Iterator[Correction]:
    """What was given up by credit notes is not given back again: the credits of an agreement, for a charge and its discounts, are
    no more than what is left of what was billed.
    """
    if all(each.posting.amount >= 0 for each in corrections):
        yield from corrections
        return
    left: dict[str, int] = defaultdict(int)
    for line in posted:
        left[line.agreement] += line.amount - line.waived
    for each in corrections:
        left[each.posting.agreement] += each.posting.amount
    for each in corrections:
        posting = each.posting
        too_much = min(-left[posting.agreement], -posting.amount)
        if too_much <= 0:
            yield each
            continue
        left[posting.agreement] += too_much
        if amount := posting.amount + too_much:
            yield replace(each, posting=replace(posting, amount=amount), withheld=too_much)


def _of_one_key(owed: Sequence[Owed], posted: Sequence[Posting]) -> Iterator[Correction]:
    before = {agreement: [line for line in posted if line.agreement == agreement] for agreement in _agreements(posted)}
    for each in owed:
        part = each.part
        # What is free has its line as well, but what was sold for no time at all has none.
        if part.agreement not in before and (each.amount or part.share):
            line = Posting(part.key, part.agreement, part.start, part.end, each.amount)
            yield Correction(line, (each,))
    for agreement, lines in before.items():
        yield from _correction([each for each in owed if each.part.agreement == agreement], lines)


def _correction(owed: Sequence[Owed], posted: Sequence[Posting]) -> Iterator[Correction]:
    """One line for what changes under an agreement, over the time for which it changes."""
    amount = sum(each.amount for each in owed) - sum(line.amount for line in posted)
    if amount:
        now = [Posting(part.key, part.agreement, part.start, part.end, amount) for part, _, amount in owed]
        changed = _changed(now, posted)
        line = Posting(posted[0].key, posted[0].agreement, changed[0][0], changed[-1][1], amount)
        yield Correction(line, tuple(owed), tuple(posted))


def _changed(owed: Sequence[Posting], posted: Sequence[Posting]) -> list[tuple[datetime, datetime]]:
    """The stretches of time that one covers and the other does not; all of them where only the amount differs."""
    instants = sorted({instant for line in (*owed, *posted) for instant in (line.start, line.end)})
    stretches = list(pairwise(instants)) or [(instants[0], instants[0])]
    return [each for each in stretches if _covers(owed, *each) != _covers(posted, *each)] or stretches


def _covers(lines: Sequence[Posting], start: datetime, end: datetime) -> bool:
    # What a discount takes off is below 0, and what takes that back above.
    within = (line for line in lines if line.start <= start and end <= line.end)
    return sum(1 if line.amount == 0 or (line.amount < 0) == bool(line.key.discount) else -1 for line in within) > 0


def _order(key: Key) -> tuple[datetime, str, str, datetime, str]:
    return key.whole_start, key.item, key.charge, key.whole_end, key.discount


def _charge(key: Key) -> tuple[datetime, str, str]:
    """What a key has in common with those of its discounts."""
    return key.whole_start, key.item, key.charge


def _grouped(items: Iterable[Keyed]) -> dict[Key, list[Keyed]]:
    found: dict[Key, list[Keyed]] = defaultdict(list)
    for item in items:
        found[item.key].append(item)
    return found


def _agreements(lines: Iterable[Posting]) -> dict[str, None]:
    """In the order in which they were first billed."""
    return dict.fromkeys(line.agreement for line in lines)
