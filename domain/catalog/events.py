"""Events of the catalog topic. Streams are named ``<tenant>/<kind>/<id>``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import AwareDatetime, Field

from domain.catalog.policy import BillingPolicy, DunningPolicy
from domain.catalog.terms import Aggregation, EntitlementKind, Grant, Terms
from domain.event import Event, FirstEvent
from domain.money import Money
from domain.pricing.discounts import Percent

if TYPE_CHECKING:
    from domain.catalog.aggregates import ApiKey, Bundle, Clock, Coupon, Entitlement, Meter, Price, Storefront, Tenant

Permission = Literal["read", "write", "backdate"]
RetrySchedule = tuple[Annotated[int, Field(ge=60, le=366 * 86_400, strict=True)], ...]


class TenantCreated(FirstEvent):
    """A tenant exists: a seller with customers, a catalog and API keys of its own, seen by nobody else."""

    TOPIC: ClassVar[str] = "tenant.created.v1"
    tenant: str
    name: str

    def apply(self, aggregate: Tenant) -> None:
        aggregate.tenant = self.tenant
        aggregate.name = self.name


class StorefrontCreated(FirstEvent):
    """A place to sell in. ``retry_after_s``: the waits, in seconds, after each failed charge; copied into every payment.
    ``billing`` is copied into what is sold.
    """

    TOPIC: ClassVar[str] = "storefront.created.v2"
    tenant: str
    storefront: str
    name: str
    timezone: str
    payment_provider: str
    retry_after_s: RetrySchedule
    billing: BillingPolicy
    dunning: DunningPolicy

    def apply(self, aggregate: Storefront) -> None:
        aggregate.tenant = self.tenant
        aggregate.storefront = self.storefront
        aggregate.name = self.name
        aggregate.timezone = self.timezone
        aggregate.payment_provider = self.payment_provider
        aggregate.retry_after_s = self.retry_after_s
        aggregate.billing = self.billing
        aggregate.dunning = self.dunning


class StorefrontChanged(Event):
    """All settings of a storefront, replaced by what stands here. What was sold or asked for before keeps its copies."""

    TOPIC: ClassVar[str] = "storefront.changed.v2"
    name: str
    timezone: str
    payment_provider: str
    retry_after_s: RetrySchedule
    billing: BillingPolicy
    dunning: DunningPolicy

    def apply(self, aggregate: Storefront) -> None:
        aggregate.name = self.name
        aggregate.timezone = self.timezone
        aggregate.payment_provider = self.payment_provider
        aggregate.retry_after_s = self.retry_after_s
        aggregate.billing = self.billing
        aggregate.dunning = self.dunning


class EntitlementDefined(FirstEvent):
    """Something that can be granted. ``kind`` says what a grant's value is: a flag, a tier's name, a number or a content's id."""

    TOPIC: ClassVar[str] = "entitlement.defined.v1"
    tenant: str
    entitlement: str
    kind: EntitlementKind
    name: str

    def apply(self, aggregate: Entitlement) -> None:
        aggregate.tenant = self.tenant
        aggregate.entitlement = self.entitlement
        aggregate.kind = self.kind
        aggregate.name = self.name


class BundleDefined(FirstEvent):
    """What is sold together in a storefront, as the entitlements that it grants; they are copied into each sale."""

    TOPIC: ClassVar[str] = "bundle.defined.v1"
    tenant: str
    bundle: str
    storefront: str
    name: str
    grants: tuple[Grant, ...]

    def apply(self, aggregate: Bundle) -> None:
        aggregate.tenant = self.tenant
        aggregate.bundle = self.bundle
        aggregate.storefront = self.storefront
        aggregate.name = self.name
        aggregate.grants = self.grants


class PricePublished(FirstEvent):
    """One version of a price, a stream of its own (``<tenant>/price/<id>@<version>``); its terms are copied into each sale."""

    TOPIC: ClassVar[str] = "price.published.v2"
    tenant: str
    price: str
    storefront: str
    terms: Terms

    def apply(self, aggregate: Price) -> None:
        aggregate.tenant = self.tenant
        aggregate.price = self.price
        aggregate.storefront = self.storefront
        aggregate.terms = self.terms


class MeterCreated(FirstEvent):
    """Usage is recorded by it, and what the records of a period come to is their ``aggregation``."""

    TOPIC: ClassVar[str] = "meter.created.v1"
    tenant: str
    meter: str
    name: str
    aggregation: Aggregation

    def apply(self, aggregate: Meter) -> None:
        aggregate.tenant = self.tenant
        aggregate.meter = self.meter
        aggregate.name = self.name
        aggregate.aggregation = self.aggregation


class CouponCreated(FirstEvent):
    """Takes ``percent``, or an ``amount`` a period, off for so many ``periods`` (null: for ever). Only of these ``prices`` where
    any are named, and only until ``redeem_by``.
    """

    TOPIC: ClassVar[str] = "coupon.created.v1"
    tenant: str
    coupon: str
    name: str
    percent: Percent | None
    amount: Money | None
    periods: int | None
    prices: tuple[str, ...]
    redeem_by: AwareDatetime | None

    def apply(self, aggregate: Coupon) -> None:
        aggregate.tenant = self.tenant
        aggregate.coupon = self.coupon
        aggregate.name = self.name
        aggregate.percent = self.percent
        aggregate.amount = self.amount
        aggregate.periods = self.periods
        aggregate.prices = self.prices
        aggregate.redeem_by = self.redeem_by


class ApiKeyIssued(FirstEvent):
    """``secret_hash`` is the SHA-256 of the key's text, as hex; the key itself is nowhere."""

    TOPIC: ClassVar[str] = "api_key.issued.v1"
    tenant: str
    api_key: str
    name: str
    permissions: tuple[Permission, ...]
    secret_hash: str

    def apply(self, aggregate: ApiKey) -> None:
        aggregate.tenant = self.tenant
        aggregate.api_key = self.api_key
        aggregate.name = self.name
        aggregate.permissions = self.permissions
        aggregate.secret_hash = self.secret_hash
        aggregate.revoked_at = None


class ApiKeyRevoked(Event):
    """The key opens nothing any more, from ``revoked_at`` on."""

    TOPIC: ClassVar[str] = "api_key.revoked.v1"
    revoked_at: AwareDatetime

    def apply(self, aggregate: ApiKey) -> None:
        aggregate.revoked_at = self.revoked_at


class ClockCreated(FirstEvent):
    """A test clock stands at ``now``; it moves only when it is advanced."""

    TOPIC: ClassVar[str] = "clock.created.v1"
    tenant: str
    clock: str
    name: str
    now: AwareDatetime

    def apply(self, aggregate: Clock) -> None:
        aggregate.tenant = self.tenant
        aggregate.clock = self.clock
        aggregate.name = self.name
        aggregate.now = self.now


class ClockAdvanced(Event):
    """The test clock was moved forward to ``now``. What fell due on the way follows in the customers' streams."""

    TOPIC: ClassVar[str] = "clock.advanced.v1"
    now: AwareDatetime

    def apply(self, aggregate: Clock) -> None:
        aggregate.now = self.now
