"""The records of one subscription, one meter and one month, and what they come to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Self, cast

from domain.catalog.terms import Aggregation
from domain.event import Aggregate
from domain.ids import USAGE, keyed_hash, routed
from domain.usage import events

# When, and how much or which value; None where the record only counts.
Used = tuple[datetime, Decimal | str | None]


class Usage(Aggregate):
    """``hours`` maps hours since the month's begin to their records, in the order of recording. They come to no more than
    ``volume``.
    """

    TOPIC = "usage"
    if TYPE_CHECKING:
        tenant: str
        customer: str
        storefront: str
        subscription: str
        meter: str
        aggregation: Aggregation
        month: datetime
        hours: dict[int, tuple[Used, ...]]
        volume: Decimal
        last: events.UsageRecorded | None

    @classmethod
    def open(
        cls,
        id: str,
        *,
        tenant: str,
        customer: str,
        storefront: str,
        subscription: str,
        meter: str,
        aggregation: Aggregation,
        month: datetime,
        now: datetime,
    ) -> Self:
        return cls._create(
            events.UsageOpened,
            id=id,
            timestamp=now,
            tenant=tenant,
            customer=customer,
            storefront=storefront,
            subscription=subscription,
            meter=meter,
            aggregation=aggregation,
            month=month,
        )

    def record(
        self, at: datetime, quantity: Decimal | None, value: str | None, *, source: str, record: str, now: datetime
    ) -> None:
        assert month_of(at) == self.month
        self.trigger_event(
            events.UsageRecorded,
            timestamp=now,
            subscription=self.subscription,
            meter=self.meter,
            at=at,
            quantity=quantity,
            value=value,
            source=source,
            record=record,
        )

    def during(self, start: datetime, end: datetime) -> Iterator[Used]:
        """The records of ``[start, end)``."""
        first, last = (int((at - self.month).total_seconds()) // 3600 for at in (start, end))
        for hour in sorted(self.hours):
            if first <= hour <= last:
                yield from (used for used in self.hours[hour] if start <= used[0] < end)


def month_of(at: datetime) -> datetime:
    """The begin, in UTC, of the month that an instant lies in."""
    return at.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def months(start: datetime, end: datetime) -> Iterator[datetime]:
    """The begins of the months that ``[start, end)`` touches."""
    month = month_of(start)
    while month < end:
        yield month
        month = month.replace(year=month.year + month.month // 12, month=month.month % 12 + 1)


def usage_id(secret: bytes, subscription: str, meter: str, month: datetime) -> str:
    """The stream of a month's records."""
    return routed(USAGE, subscription, keyed_hash(secret, "usage", subscription, meter, f"{month:%Y-%m}"))


def total(aggregation: Aggregation, used: Iterable[Used]) -> Decimal:
    """What records come to; nothing where there are none, or where corrections took back more than there was.

    ``sum``, ``max``, ``last`` (by its instant, of equal ones the one recorded last) and ``count`` mean what they say; ``unique``
    counts different values.
    """
    found = list(used)
    if aggregation == "count":
        return Decimal(len(found))
    if aggregation == "unique":
        return Decimal(len({value for _, value in found}))
    quantities = [(at, cast(Decimal, quantity)) for at, quantity in found]
    if not quantities:
        return Decimal(0)
    if aggregation == "sum":
        return max(Decimal(0), sum((quantity for _, quantity in quantities), Decimal(0)))
    if aggregation == "max":
        return max(quantity for _, quantity in quantities)
    latest = max(at for at, _ in quantities)
    return [quantity for at, quantity in quantities if at == latest][-1]
