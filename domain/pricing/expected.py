"""What a sale comes to: parts of periods with their exact price, as they fall due. A function of the sale and of time alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, MutableMapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from domain.catalog.terms import Charge
from domain.pricing.calendar import Calendar
from domain.pricing.discounts import Discount
from domain.pricing.models import exact
from domain.pricing.proration import Proration, share


class Key(NamedTuple):
    """What is priced as one, so that its parts are rounded together: a charge of an item, or a ``discount`` on it, for one whole
    period, ``[whole_start, whole_end)``.
    """

    item: str
    charge: str
    whole_start: datetime
    whole_end: datetime
    discount: str = ""


_INSTANT = timedelta(microseconds=1)
# What of a meter was used during ``[start, end)``.
UsedOf = Callable[[str, datetime, datetime], Decimal]
# What of a discount's amount was taken off in a period, by its id, the period's begin and its end.
Taken = MutableMapping[tuple[str, datetime, datetime], Fraction]


class Stretch(NamedTuple):
    """``[start, end)``; ``end`` None: until further notice."""

    start: datetime
    end: datetime | None

    def __contains__(self, instant: object) -> bool:
        assert isinstance(instant, datetime)
        return self.start <= instant and (self.end is None or instant < self.end)


class Span(NamedTuple):
    """An item as it is sold during ``[start, end)``, under an ``agreement``: whatever decides its price, version and quantity
    among it.

    ``end`` None: until further notice. ``once_at``: it is sold first then, so that what is owed once is owed then.
    ``whole_last``: the last period that is paid in advance is owed in full, however soon the span ends, but ``no_later`` than an
    instant. ``discounts`` are in the order in which they are taken off.
    """

    item: str
    agreement: str
    start: datetime
    end: datetime | None
    calendar: Calendar
    charges: tuple[Charge, ...]
    quantity: Decimal
    proration: Proration
    once_at: datetime | None = None
    whole_last: bool = False
    no_later: datetime | None = None
    discounts: tuple[Discount, ...] = ()


class TakenOff(NamedTuple):
    """By a discount, of what was ``left`` of a price; so much of its amount was ``taken`` off other charges."""

    discount: Discount
    left: Fraction
    taken: Fraction


class Part(NamedTuple):
    """``exact`` minor units for ``[start, end)``: the price of the whole period of the key, times
    ``share``. It falls due at ``due``. The price of a discount is below 0.
    """

    key: Key
    agreement: str
    charge: Charge
    quantity: Decimal
    start: datetime
    end: datetime
    due: datetime
    price: Fraction
    share: Fraction
    off: TakenOff | None = None

    @property
    def exact(self) -> Fraction:
        # The common case is the whole, and multiplying takes as long as all else that is done for a line.
        return self.price if self.share == 1 else self.price * self.share


def parts(
    spans: Sequence[Span], skipped: Sequence[Stretch], since: datetime, until: datetime, used: UsedOf | None = None
) -> Iterator[Part]:
    """What has fallen due by ``until``: in advance at its begin, in arrears and for usage at its end. All of the periods in which
    something fell due at ``since`` or after it is among it, but no period that begins in a ``skipped`` stretch.
    """
    if any(charge.at_end for span in spans for charge in span.charges):
        since -= _INSTANT  # what is charged at a period's end falls due when the next one has begun
    off: Taken = defaultdict(Fraction)
    begun = [span for span in spans if span.start <= until]
    for span in begun:
        taken: Taken = defaultdict(Fraction)
        # What is billed at a period's end has of an amount off what was not taken off when it began; usage what is left then.
        for charge in sorted(span.charges, key=lambda each: each.at_end):
            if charge.kind == "one_off":
                if span.once_at is not None and since <= span.once_at:
                    yield _one_off(span, charge, span.once_at)
            elif charge.meter is None:
                for part, start in _periodical(span, charge, skipped, since, until, used):
                    yield part
                    yield from _discounts(span.discounts, part, start, taken, off)
    for span in begun:
        for charge in span.charges:
            if charge.meter is not None:
                for part, start in _periodical(span, charge, skipped, since, until, used):
                    yield part
                    yield from _discounts(span.discounts, part, start, off, off)


def next_due(spans: Iterable[Span], skipped: Sequence[Stretch], after: datetime) -> datetime | None:
    """When something falls due next, after an instant; None: nothing does."""
    found = [due for span in spans for charge in span.charges if (due := _next_due(span, charge, skipped, after)) is not None]
    return min(found, default=None)


def _next_due(span: Span, charge: Charge, skipped: Sequence[Stretch], after: datetime) -> datetime | None:
    if charge.kind == "one_off":
        return span.once_at if span.once_at is not None and span.once_at > after else None
    for start, end, index in _periods(span, charge, after):
        due = start if charge.in_advance else end
        within = [stretch for stretch in skipped if span.calendar.start(index) in stretch]
        if due > after and not within:
            return due
        if any(stretch.end is None for stretch in within):
            return None
    return None


def _periodical(
    span: Span, charge: Charge, skipped: Sequence[Stretch], since: datetime, until: datetime, used: UsedOf | None
) -> Iterator[tuple[Part, datetime]]:
    """Each part with the begin of its period, of which the part may be the rest."""
    quantity, price = span.quantity, exact(list(charge.pricing.steps(span.quantity)))
    for start, end, index in _periods(span, charge, since):
        due = start if charge.in_advance else end
        if due > until:
            return
        calendar = span.calendar
        if any(calendar.start(index) in stretch for stretch in skipped):
            continue
        key = Key(span.item, charge.id, calendar.boundary(index), calendar.end(index))
        if charge.meter is None:
            of_whole = share(calendar, index, start, end, span.proration)
        else:  # what was used is a part already
            assert used is not None
            quantity, of_whole = used(charge.meter, start, end), Fraction(1)
            price = exact(list(charge.pricing.steps(quantity)))
            if not quantity and not price:
                continue
        part = Part(key, span.agreement, charge, quantity, start, end, due, price, of_whole)
        yield part, calendar.start(index)


def _discounts(discounts: Sequence[Discount], part: Part, begun: datetime, taken: Taken, off: Taken) -> Iterator[Part]:
    """``taken``: what was taken off the price of the whole period before, and ``off``: of it, what is owed less for that."""
    left = part.price
    for discount in discounts:
        if discount.since <= begun and (discount.until is None or begun <= discount.until):
            period = discount.id, part.key.whole_start, part.key.whole_end
            before = taken[period]
            less = discount.off(left, before)
            taken[period] += less
            if taken is not off:
                off[period] += less * part.share
            if less:
                taken_off = TakenOff(discount, left, before)
                yield part._replace(key=part.key._replace(discount=discount.id), price=-less, off=taken_off)
            left -= less


def _periods(span: Span, charge: Charge, since: datetime) -> Iterator[tuple[datetime, datetime, int]]:
    """The span's share of each period that ends after ``since``, with the period's index."""
    calendar = span.calendar
    index = calendar.index_at(max(span.start, since, calendar.anchor))
    while True:
        start, whole_end = max(calendar.start(index), span.start), calendar.end(index)
        if span.end is not None and start >= span.end:
            return
        last = span.no_later if span.whole_last and charge.in_advance else span.end
        end = whole_end if last is None else min(whole_end, last)
        if start < end:
            yield start, end, index
        index += 1


def _one_off(span: Span, charge: Charge, start: datetime) -> Part:
    price = exact(list(charge.pricing.steps(span.quantity)))
    key = Key(span.item, charge.id, start, start)
    return Part(key, span.agreement, charge, span.quantity, start, start, start, price, Fraction(1))
