"""The catalog's items, each a small stream. Their first event says all; few change later."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Self

from domain.catalog import events
from domain.catalog.events import Permission, RetrySchedule
from domain.catalog.policy import BillingPolicy, DunningPolicy
from domain.catalog.terms import Aggregation, EntitlementKind, Grant, Terms
from domain.errors import RuleViolated, WrongState
from domain.event import Aggregate
from domain.money import Money


def stream(tenant: str, kind: str, id: str) -> str:
    """The name of a catalog item's stream."""
    return f"{tenant}/{kind}/{id}"


class Tenant(Aggregate):
    TOPIC = "tenant"
    if TYPE_CHECKING:
        tenant: str
        name: str

    @classmethod
    def create(cls, tenant: str, name: str, now: datetime) -> Self:
        return cls._create(events.TenantCreated, id=stream(tenant, "tenant", tenant), timestamp=now, tenant=tenant, name=name)


class Storefront(Aggregate):
    TOPIC = "storefront"
    if TYPE_CHECKING:
        tenant: str
        storefront: str
        name: str
        timezone: str
        payment_provider: str
        retry_after_s: RetrySchedule
        billing: BillingPolicy
        dunning: DunningPolicy

    @classmethod
    def create(
        cls,
        tenant: str,
        id: str,
        *,
        name: str,
        timezone: str,
        payment_provider: str,
        retry_after_s: RetrySchedule,
        billing: BillingPolicy,
        dunning: DunningPolicy,
        now: datetime,
    ) -> Self:
        return cls._create(
            events.StorefrontCreated,
            id=stream(tenant, "storefront", id),
            timestamp=now,
            tenant=tenant,
            storefront=id,
            name=name,
            timezone=timezone,
            payment_provider=payment_provider,
            retry_after_s=retry_after_s,
            billing=billing,
            dunning=dunning,
        )

    def change(
        self,
        *,
        name: str,
        timezone: str,
        payment_provider: str,
        retry_after_s: RetrySchedule,
        billing: BillingPolicy,
        dunning: DunningPolicy,
        now: datetime,
    ) -> None:
        self.trigger_event(
            events.StorefrontChanged,
            timestamp=now,
            name=name,
            timezone=timezone,
            payment_provider=payment_provider,
            retry_after_s=retry_after_s,
            billing=billing,
            dunning=dunning,
        )


class Entitlement(Aggregate):
    TOPIC = "entitlement"
    if TYPE_CHECKING:
        tenant: str
        entitlement: str
        kind: EntitlementKind
        name: str

    @classmethod
    def define(cls, tenant: str, id: str, *, kind: EntitlementKind, name: str, now: datetime) -> Self:
        return cls._create(
            events.EntitlementDefined,
            id=stream(tenant, "entitlement", id),
            timestamp=now,
            tenant=tenant,
            entitlement=id,
            kind=kind,
            name=name,
        )


class Bundle(Aggregate):
    TOPIC = "bundle"
    if TYPE_CHECKING:
        tenant: str
        bundle: str
        storefront: str
        name: str
        grants: tuple[Grant, ...]

    @classmethod
    def define(cls, tenant: str, id: str, *, storefront: str, name: str, grants: tuple[Grant, ...], now: datetime) -> Self:
        return cls._create(
            events.BundleDefined,
            id=stream(tenant, "bundle", id),
            timestamp=now,
            tenant=tenant,
            bundle=id,
            storefront=storefront,
            name=name,
            grants=grants,
        )


class Price(Aggregate):
    """One version of a price."""

    TOPIC = "price"
    if TYPE_CHECKING:
        tenant: str
        price: str
        storefront: str
        terms: Terms

    @classmethod
    def publish(cls, tenant: str, storefront: str, terms: Terms, now: datetime) -> Self:
        return cls._create(
            events.PricePublished,
            id=stream(tenant, "price", f"{terms.price}@{terms.price_version}"),
            timestamp=now,
            tenant=tenant,
            price=terms.price,
            storefront=storefront,
            terms=terms,
        )


class Meter(Aggregate):
    TOPIC = "meter"
    if TYPE_CHECKING:
        tenant: str
        meter: str
        name: str
        aggregation: Aggregation

    @classmethod
    def create(cls, tenant: str, id: str, *, name: str, aggregation: Aggregation, now: datetime) -> Self:
        return cls._create(
            events.MeterCreated,
            id=stream(tenant, "meter", id),
            timestamp=now,
            tenant=tenant,
            meter=id,
            name=name,
            aggregation=aggregation,
        )


class Coupon(Aggregate):
    """``percent`` or ``amount``; ``periods`` None: for ever; ``prices`` empty: of every price."""

    TOPIC = "coupon"
    if TYPE_CHECKING:
        tenant: str
        coupon: str
        name: str
        percent: Decimal | None
        amount: Money | None
        periods: int | None
        prices: tuple[str, ...]
        redeem_by: datetime | None

    @classmethod
    def create(
        cls,
        tenant: str,
        id: str,
        *,
        name: str,
        percent: Decimal | None,
        amount: Money | None,
        periods: int | None,
        prices: tuple[str, ...],
        redeem_by: datetime | None,
        now: datetime,
    ) -> Self:
        return cls._create(
            events.CouponCreated,
            id=stream(tenant, "coupon", id),
            timestamp=now,
            tenant=tenant,
            coupon=id,
            name=name,
            percent=percent,
            amount=amount,
            periods=periods,
            prices=prices,
            redeem_by=redeem_by,
        )


class ApiKey(Aggregate):
    TOPIC = "api_key"
    if TYPE_CHECKING:
        tenant: str
        api_key: str
        name: str
        permissions: tuple[Permission, ...]
        secret_hash: str
        revoked_at: datetime | None

    @classmethod
    def issue(
        cls, tenant: str, id: str, *, name: str, permissions: tuple[Permission, ...], secret_hash: str, now: datetime
    ) -> Self:
        return cls._create(
            events.ApiKeyIssued,
            id=stream(tenant, "api-key", id),
            timestamp=now,
            tenant=tenant,
            api_key=id,
            name=name,
            permissions=permissions,
            secret_hash=secret_hash,
        )

    def revoke(self, now: datetime) -> None:
        if self.revoked_at is not None:
            raise WrongState("api_key_revoked", "The key is revoked already.")
        self.trigger_event(events.ApiKeyRevoked, timestamp=now, revoked_at=now)


class Clock(Aggregate):
    TOPIC = "clock"
    if TYPE_CHECKING:
        tenant: str
        clock: str
        name: str
        now: datetime

    @classmethod
    def create(cls, tenant: str, id: str, *, name: str, at: datetime, now: datetime) -> Self:
        return cls._create(
            events.ClockCreated, id=stream(tenant, "clock", id), timestamp=now, tenant=tenant, clock=id, name=name, now=at
        )

    def advance(self, to: datetime, now: datetime) -> None:
        if to < self.now:
            raise RuleViolated("clock_backwards", f"The clock stands at {self.now.isoformat()}; it only moves forward.", "/now")
        self.trigger_event(events.ClockAdvanced, timestamp=now, now=to)
