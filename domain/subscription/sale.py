"""What is sold in a subscription, as a timeline, and what that makes of the pricing engine's spans."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from decimal import Decimal
from functools import cached_property
from itertools import takewhile
from typing import Annotated, Literal
from weakref import WeakValueDictionary

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field
from whenever import Instant, Time

from domain.catalog.terms import Charge, Grant, Terms
from domain.pricing.calendar import BillingDay, Calendar, add
from domain.pricing.discounts import Discount, in_order
from domain.pricing.expected import Span, Stretch, next_due
from domain.pricing.models import Flat, Quantity
from domain.pricing.proration import Proration

_MODEL = ConfigDict(frozen=True, extra="forbid")

BASE = "base"
ItemId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]


class Billing(BaseModel):
    """The rules by which a subscription is billed, copied when it is sold.

    ``billing_day`` None: the day of the anchor. ``aligned``: at local midnight, as all that is billed together. ``yearly``:
    whether years begin on the billing day, or on the anniversary of the first begin. ``suspended``: whether days without access
    for want of payment are owed.
    """

    model_config = _MODEL

    proration: Proration = Proration()
    billing_day: BillingDay | None = None
    aligned: bool = False
    yearly: Literal["billing_day", "anniversary"] = "billing_day"
    suspended: Literal["owed", "credited"] = "owed"


TRIAL = "trial"


class Item(BaseModel):
    """One thing that is sold: ``base``, or an add-on. ``anchor``: from when its periods are counted, and ``billing_day``: on
    which day they begin, where that is not the subscription's.
    """

    model_config = _MODEL

    id: ItemId = BASE
    terms: Terms
    grants: tuple[Grant, ...]
    quantity: Quantity = Decimal(1)
    anchor: AwareDatetime | None = None
    billing_day: BillingDay | None = None

    @property
    def agreement(self) -> str:
        """What decides the price, in short."""
        found = f"{self.terms.price}@{self.terms.price_version}"
        return found if self.quantity == 1 else f"{found} x {self.quantity.normalize():f}"

    def charges(self, phase: str) -> tuple[Charge, ...]:
        """What is charged in a phase; the last one has no name."""
        if phase == TRIAL:
            return (Charge(id=TRIAL, name=self.terms.bundle_name, kind="one_off", pricing=Flat(amount=self.terms.trial_fee)),)
        if not phase:
            return self.terms.all_charges
        return next(each.charges for each in self.terms.phases if each.id == phase)


_ITEMS: WeakValueDictionary[str, Item] = WeakValueDictionary()


def _shared(items: tuple[Item, ...]) -> tuple[Item, ...]:
    """One object for all that is the same to the letter: most of what a cached subscription would hold."""
    return tuple(_ITEMS.setdefault(item.model_dump_json(), item) for item in items)


class Agreement(BaseModel):
    """What is sold from ``start`` on; the base comes first."""

    model_config = _MODEL

    start: AwareDatetime
    items: Annotated[tuple[Item, ...], Field(min_length=1), AfterValidator(_shared)]

    @property
    def base(self) -> Item:
        return self.items[0]


@dataclass(frozen=True, slots=True)
class Ending:
    """The end of what is sold. Without a ``credit`` the periods that are paid in advance are owed in full; ``begun``: also those
    that begin at this very instant. ``exact``: its day is owed up to this very instant, whatever the policy: a term is over, or
    another customer owes the rest. ``no_later``: nothing was owed from then on anyway.
    """

    at: datetime
    credit: bool
    begun: bool = False
    exact: bool = False
    no_later: datetime | None = None


def ending_of(cancel_at: datetime | None, term_ends_at: datetime | None, credit: bool) -> Ending | None:
    """What is first: the cancellation, with or without credit, or the end of the term."""
    if cancel_at is not None and (term_ends_at is None or cancel_at < term_ends_at):
        return Ending(cancel_at, credit, no_later=term_ends_at)
    return None if term_ends_at is None else Ending(term_ends_at, credit=True, exact=True)


@dataclass(frozen=True)
class Sale:
    """All that decides what a subscription comes to. ``paused`` and ``unpaid``: stretches that are not owed, in order;
    ``skipped``: no period that begins in one of them is owed. ``taken_over_at``: since then it is this customer's, and what was
    before is owed by another one; null: it always was.
    """

    timezone: str
    billing: Billing
    started_at: datetime
    anchor: datetime
    agreements: tuple[Agreement, ...]
    ending: Ending | None = None
    paused: tuple[Stretch, ...] = ()
    unpaid: tuple[Stretch, ...] = ()
    skipped: tuple[Stretch, ...] = ()
    discounts: tuple[Discount, ...] = ()
    taken_over_at: datetime | None = None
    # The last answer of ``next_due``, by what was asked: between two bills it is asked for the same several times.
    _due: dict[datetime, datetime | None] = field(default_factory=dict, init=False, repr=False, compare=False)

    def cancelled(self, at: datetime, *, credit: bool, begun: bool) -> Sale:
        """Ended by will, with no more to pay than was owed by the end that was set before, if that is given back."""
        before = self.ending
        no_later = None if before is None else before.at if before.credit else before.no_later
        return replace(self, ending=Ending(at, credit, begun, no_later=no_later))

    def term_end(self, more: int = 0) -> datetime | None:
        """The end of a fixed term, and of so many ``more`` intervals: from where its price was first sold, whatever the day."""
        base = self.agreements[-1].base
        interval, count = base.terms.interval, base.terms.term_periods
        if count is None:
            return None
        same = takewhile(lambda each: each.base.terms.price == base.terms.price, reversed(self.agreements))
        begun = max(min(each.start for each in same), self.anchor)
        return add(begun, self.timezone, interval.unit, interval.count * (count + more))

    def back(self, suspended_at: datetime, reinstated_at: datetime) -> Sale:
        """Suspended no longer: what it was away for is owed or not, by the policy."""
        *before, last = self.skipped
        if self.billing.suspended == "owed":
            return replace(self, skipped=(*before, Stretch(last.start, reinstated_at)))
        return replace(self, skipped=tuple(before), unpaid=(*self.unpaid, Stretch(suspended_at, reinstated_at)))

    def calendar(self, item: Item) -> Calendar:
        """The item's periods."""
        billing, interval = self.billing, item.terms.interval
        day = item.billing_day or billing.billing_day
        at = time() if billing.aligned else None
        if billing.yearly == "anniversary" and interval.unit == "year":
            return Calendar(anchor=self.anchor, timezone=self.timezone, interval=interval, billing_day=item.billing_day)
        if item.anchor is None:
            return Calendar(anchor=self.anchor, timezone=self.timezone, interval=interval, billing_day=day, time_of_day=at)
        local = Instant(self.anchor).to_tz(self.timezone)
        day, at = day or local.day, at or local.time().to_stdlib()
        return Calendar(anchor=item.anchor, timezone=self.timezone, interval=interval, billing_day=day, time_of_day=at)

    @cached_property
    def spans(self) -> tuple[Span, ...]:
        """What the engine prices."""
        of_base = _Discounts(each for each in self.discounts if each.item in (None, BASE))
        found = list(self._spans(BASE, of_base))
        for id in dict.fromkeys(item.id for agreement in self.agreements for item in agreement.items[1:]):
            own = (each for each in self.discounts if each.item == id)
            found += self._spans(id, _Discounts((*own, *of_base.shared())))
        return tuple(_metered_as_one(found, self.taken_over_at))

    @property
    def owed(self) -> tuple[Span, ...]:
        """Without what another customer had before."""
        since = self.taken_over_at
        return self.spans if since is None else tuple(span for span in self.spans if span.end is None or span.end > since)

    def next_due(self, after: datetime) -> datetime | None:
        """When something falls due next, after an instant; None: nothing does."""
        if after not in self._due:
            self._due.clear()
            self._due[after] = next_due(self.owed, self.skipped, after)
        return self._due[after]

    def _spans(self, id: str, discounts: _Discounts) -> Iterator[Span]:
        away = _united((*self.paused, *self.unpaid))
        first_sold: dict[str, datetime] = {}
        for item, start, until in _runs(self.agreements, id):
            calendar = self.calendar(item)
            during = discounts.during(calendar, max(start, self.anchor), until)
            during = tuple(each for each in during if each.is_for(item.terms.price, item.terms.amount.currency))
            since = first_sold.setdefault(item.terms.price, max(start, self.anchor))
            end = None if self.ending is None else self._billed_until(self.ending, calendar)
            for phase, begin, over in self._phases(item, since):
                # What was replaced in its trial was never billed.
                whole = Stretch(max(start, begin), _earlier(_earlier(until, over), end))
                for number, piece in enumerate(_pieces(whole, away)):
                    span = Span(
                        item=id,
                        agreement=f"{item.agreement}#{phase}" if phase else item.agreement,
                        start=piece.start,
                        end=piece.end,
                        calendar=calendar,
                        charges=item.charges(phase),
                        quantity=item.quantity,
                        proration=self._proration(item, whole.start),
                        once_at=begin if number == 0 and whole.start == begin else None,
                        whole_last=self.ending is not None and not self.ending.credit and piece.end == end,
                        no_later=over if self.ending is None else _earlier(over, self.ending.no_later),
                        discounts=during,
                    )
                    yield from _cut(span, self.taken_over_at)

    def _phases(self, item: Item, since: datetime) -> Iterator[tuple[str, datetime, datetime | None]]:
        """The phases of an item that was first sold, or whose trial ended, at an instant; the last one is without end."""
        if item.terms.trial_fee and item.id == BASE and self.started_at < self.anchor:
            yield TRIAL, self.started_at, self.anchor
        begin, months, days = since, 0, 0
        for phase in item.terms.phases:
            # Counted from the first begin, so that what the 31st was clamped to does not stay.
            months += phase.lasts.count * {"month": 1, "year": 12}.get(phase.lasts.unit, 0)
            days += phase.lasts.count * {"day": 1, "week": 7}.get(phase.lasts.unit, 0)
            over = add(add(since, self.timezone, "month", months), self.timezone, "day", days)
            yield phase.id, begin, over
            begin = over
        yield "", begin, None

    def _proration(self, item: Item, start: datetime) -> Proration:
        """A first period is free where all begins, not after a change."""
        found = self.billing.proration
        first = item.anchor is None and start == self.anchor
        return found if first or found.first_period == "prorated" else found.model_copy(update={"first_period": "prorated"})

    def _billed_until(self, ending: Ending, calendar: Calendar) -> datetime:
        """What ends with its period has no last day that would be another period's."""
        at = ending.at
        if ending.begun:
            return at + timedelta.resolution
        if ending.exact or self.billing.proration.last_day == "unbilled" or at < calendar.anchor:
            return at
        index = calendar.index_at(at)
        if index and calendar.start(index) == at:
            return at
        tomorrow = Instant(at).to_tz(self.timezone).date().add(days=1)
        return min(tomorrow.at(Time()).assume_tz(self.timezone).to_instant().to_stdlib(), calendar.end(index))


def _metered_as_one(spans: Iterable[Span], taken_over_at: datetime | None) -> Iterator[Span]:
    """Usage is counted on where its price stays, whatever else is changed: its tiers do not begin anew with one more seat. What
    was used before it was taken over is another customer's.
    """
    metered: Span | None = None
    for span in spans:
        usage = tuple(charge for charge in span.charges if charge.meter is not None)
        if not usage:
            yield span
            continue
        yield span._replace(charges=tuple(charge for charge in span.charges if charge.meter is None))
        counted = span._replace(charges=usage)
        if metered is None:
            metered = counted
        elif counted.start != taken_over_at and _goes_on(metered, counted):
            metered = counted._replace(start=metered.start)
        else:
            yield metered
            metered = counted
    if metered is not None:
        yield metered


def _goes_on(before: Span, after: Span) -> bool:
    def same(span: Span) -> tuple[object, ...]:
        return span.item, span.charges, span.calendar, span.discounts, _price_of(span.agreement)

    return before.end == after.start and same(before) == same(after)


def _price_of(agreement: str) -> str:
    """The price's version and the phase, without the quantity."""
    sold, _, phase = agreement.partition("#")
    return f"{sold.partition(' x ')[0]}#{phase}"


def _cut(span: Span, at: datetime | None) -> Iterator[Span]:
    """A span in two, where an instant lies within it."""
    if at is None or at <= span.start or (span.end is not None and span.end <= at):
        yield span
    else:
        yield span._replace(end=at, whole_last=False)
        yield span._replace(start=at, once_at=None)


class _Discounts:
    """Counts the periods of each discount, over all that an item is sold as."""

    def __init__(self, discounts: Iterable[Discount]) -> None:
        self._discounts = in_order(discounts)
        self._left = {each.id: each.periods for each in self._discounts}
        self._until: dict[str, datetime] = {}
        self._over: dict[str, datetime] = {}

    def shared(self) -> Iterator[Discount]:
        """What is off all items, for the others: whatever begins before the base's last period is over."""
        for each in self._discounts:
            if each.item is None and each.amount is None:
                over = self._over.get(each.id)
                until = _earlier(None if over is None else over - timedelta.resolution, each.until)
                yield each.model_copy(update={"periods": None, "until": until})

    def during(self, calendar: Calendar, start: datetime, end: datetime | None) -> tuple[Discount, ...]:
        """Each with the begin of its last period, for what is sold by a calendar from ``start`` to ``end``."""
        return tuple(self._ending(each, calendar, start, end) for each in self._discounts)

    def _ending(self, discount: Discount, calendar: Calendar, start: datetime, end: datetime | None) -> Discount:
        left = self._left[discount.id]
        if left is None:
            return discount
        if left:
            first = _first_from(calendar, max(start, discount.since))
            last = first + left - 1
            self._until[discount.id], self._over[discount.id] = calendar.start(last), calendar.end(last)
            if end is not None:
                self._left[discount.id] = max(0, left - max(0, _first_from(calendar, end) - first))
        until = _earlier(self._until[discount.id], discount.until)
        return discount.model_copy(update={"until": until})


def _first_from(calendar: Calendar, instant: datetime) -> int:
    """The first period that begins at an instant or after it."""
    index = calendar.index_at(max(instant, calendar.anchor))
    return index if calendar.start(index) >= instant else index + 1


def merged(items: Iterable[Item]) -> tuple[Grant, ...]:
    """What several items grant together: quotas add up, of all else the later one counts."""
    found: dict[str, Grant] = {}
    for grant in (grant for item in items for grant in item.grants):
        before = found.get(grant.entitlement)
        if before is not None and grant.kind == "quota" == before.kind:
            found[grant.entitlement] = grant.model_copy(update={"value": int(before.value) + int(grant.value)})
        else:
            found[grant.entitlement] = grant
    return tuple(found.values())


def replaced(agreements: Sequence[Agreement], change: Agreement) -> tuple[Agreement, ...]:
    """The timeline with something else from the change's start on."""
    return (*(each for each in agreements if each.start < change.start), change)


def in_force(agreements: Sequence[Agreement], at: datetime) -> Agreement:
    """What is sold at an instant; before the start what is sold first."""
    return next((each for each in reversed(agreements) if each.start <= at), agreements[0])


def _runs(agreements: Sequence[Agreement], id: str) -> Iterator[tuple[Item, datetime, datetime | None]]:
    """An item with the stretches in which it is sold unchanged."""
    sold: Mapping[str, Item]
    running: tuple[Item, datetime] | None = None
    for agreement in agreements:
        sold = {item.id: item for item in agreement.items}
        item = sold.get(id)
        if running is not None and item != running[0]:
            yield (*running, agreement.start)
            running = None
        if running is None and item is not None:
            running = (item, agreement.start)
    if running is not None:
        yield (*running, None)


def _united(stretches: Iterable[Stretch]) -> list[Stretch]:
    """In order, and none that overlaps another."""
    found: list[Stretch] = []
    for each in sorted(stretches, key=lambda each: each.start):
        if found and (found[-1].end is None or each.start <= found[-1].end):
            last = found.pop()
            open_ended = last.end is None or each.end is None
            each = Stretch(last.start, None if open_ended else max(last.end, each.end))  # type: ignore[type-var]
        found.append(each)
    return found


def _pieces(whole: Stretch, cuts: Sequence[Stretch]) -> Iterator[Stretch]:
    """What is left of a stretch, or its begin alone where nothing is: what is owed once is owed there."""
    if whole.end is None or whole.start < whole.end:
        yield from list(_without(whole, cuts)) or [Stretch(whole.start, whole.start)]


def _without(whole: Stretch, cuts: Sequence[Stretch]) -> Iterator[Stretch]:
    """What is left of a stretch; the cuts are in order, and do not overlap."""
    start = whole.start
    for cut in cuts:
        if whole.end is not None and cut.start >= whole.end:
            break
        if cut.end is not None and cut.end <= start:
            continue
        if cut.start > start:
            yield Stretch(start, cut.start)
        if cut.end is None:
            return
        start = cut.end
    if whole.end is None or start < whole.end:
        yield Stretch(start, whole.end)


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    return min((each for each in (one, other) if each is not None), default=None)
