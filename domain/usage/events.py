"""Events of usage."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import AwareDatetime, Field

from domain.catalog.terms import Aggregation
from domain.event import Event, FirstEvent

if TYPE_CHECKING:
    from domain.usage.aggregate import Usage

VOLUME_MAX = 10**12
UsedQuantity = Annotated[Decimal, Field(ge=-VOLUME_MAX, le=VOLUME_MAX, max_digits=24, decimal_places=9, allow_inf_nan=False)]


class UsageOpened(FirstEvent):
    """The first record of a meter in the month that begins, in UTC, at ``month``."""

    TOPIC: ClassVar[str] = "usage.opened.v1"
    tenant: str
    customer: str
    storefront: str
    subscription: str
    meter: str
    aggregation: Aggregation
    month: AwareDatetime

    def apply(self, aggregate: Usage) -> None:
        aggregate.tenant = self.tenant
        aggregate.customer = self.customer
        aggregate.storefront = self.storefront
        aggregate.subscription = self.subscription
        aggregate.meter = self.meter
        aggregate.aggregation = self.aggregation
        aggregate.month = self.month
        aggregate.hours = {}
        aggregate.volume = Decimal(0)
        aggregate.last = None


class UsageRecorded(Event):
    """``quantity`` was used at ``at``, or ``value`` was seen, says ``source``, which names it ``record``."""

    TOPIC: ClassVar[str] = "usage.recorded.v1"
    subscription: str
    meter: str
    at: AwareDatetime
    quantity: UsedQuantity | None
    value: str | None
    source: str
    record: str

    def apply(self, aggregate: Usage) -> None:
        hour = int((self.at - aggregate.month).total_seconds()) // 3600
        used = (self.at, self.value if self.quantity is None else self.quantity)
        # By the hour, so that one more record copies few of the others.
        aggregate.hours = {**aggregate.hours, hour: (*aggregate.hours.get(hour, ()), used)}
        aggregate.volume += 1 if self.quantity is None else abs(self.quantity)
        aggregate.last = self
