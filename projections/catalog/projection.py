"""Catalog events → one row an item; a price has one a version."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from domain.catalog import events
from domain.event import Event
from projections import ignored
from projections.change import Change, Envelope, Insert, Projection, Table, Update

# No test clock rules the catalog: its business times are wall times.
_WALL_TIMES = frozenset({"created"})
_BY_ID = ("tenant", "id")

CATALOG = Projection(
    "catalog",
    tables=(
        Table("tenants", _BY_ID, _WALL_TIMES),
        Table("storefronts", _BY_ID, _WALL_TIMES),
        Table("entitlements", _BY_ID, _WALL_TIMES),
        Table("bundles", _BY_ID, _WALL_TIMES),
        Table("prices", ("tenant", "id", "price_version"), _WALL_TIMES),
        Table("coupons", _BY_ID, _WALL_TIMES),
        Table("meters", _BY_ID, _WALL_TIMES),
        Table("test_clocks", _BY_ID, _WALL_TIMES),
    ),
    ignores=ignored.API_KEY | ignored.CUSTOMER | ignored.SUBSCRIPTION | ignored.INVOICE | ignored.PAYMENT | ignored.USAGE,
)


def _item(table: str, event: Event, envelope: Envelope, id: str, **columns: Any) -> Sequence[Change]:
    common = {"tenant": envelope.tenant, "id": id, "created": event.timestamp, "version": envelope.version}
    return (Insert(table, common | columns),)


def _changed(table: str, envelope: Envelope, **columns: Any) -> Sequence[Change]:
    """A later event of an item: its stream ``<tenant>/<kind>/<id>`` names the row."""
    key = {"tenant": envelope.tenant, "id": envelope.stream.split("/", 2)[2]}
    return (Update(table, key, {"version": envelope.version} | columns),)


@CATALOG.on(events.TenantCreated)
def _tenant(event: events.TenantCreated, envelope: Envelope) -> Sequence[Change]:
    return _item("tenants", event, envelope, event.tenant, name=event.name)


@CATALOG.on(events.StorefrontCreated)
def _storefront(event: events.StorefrontCreated, envelope: Envelope) -> Sequence[Change]:
    return _item("storefronts", event, envelope, event.storefront, **_storefront_columns(event))


@CATALOG.on(events.StorefrontChanged)
def _storefront_changed(event: events.StorefrontChanged, envelope: Envelope) -> Sequence[Change]:
    return _changed("storefronts", envelope, **_storefront_columns(event))


def _storefront_columns(event: events.StorefrontCreated | events.StorefrontChanged) -> dict[str, Any]:
    return {
        "name": event.name,
        "timezone": event.timezone,
        "payment_provider": event.payment_provider,
        "retry_after_s": list(event.retry_after_s),
        "billing": event.billing.model_dump(mode="json"),
        "dunning": event.dunning.model_dump(mode="json"),
    }


@CATALOG.on(events.EntitlementDefined)
def _entitlement(event: events.EntitlementDefined, envelope: Envelope) -> Sequence[Change]:
    return _item("entitlements", event, envelope, event.entitlement, kind=event.kind, name=event.name)


@CATALOG.on(events.BundleDefined)
def _bundle(event: events.BundleDefined, envelope: Envelope) -> Sequence[Change]:
    grants = [grant.model_dump(mode="json") for grant in event.grants]
    return _item("bundles", event, envelope, event.bundle, storefront=event.storefront, name=event.name, grants=grants)


@CATALOG.on(events.PricePublished)
def _price(event: events.PricePublished, envelope: Envelope) -> Sequence[Change]:
    terms = event.terms
    return _item(
        "prices",
        event,
        envelope,
        event.price,
        price_version=terms.price_version,
        storefront=event.storefront,
        bundle=terms.bundle,
        amount=terms.amount.amount,
        currency=terms.amount.currency,
        interval_unit=terms.interval.unit,
        interval_count=terms.interval.count,
        trial_days=terms.trial_days,
        term_periods=terms.term_periods,
        trial_fee=terms.trial_fee,
        charges=[charge.model_dump(mode="json") for charge in terms.charges],
        phases=[phase.model_dump(mode="json") for phase in terms.phases],
        channel=terms.channel,
        effective_from=terms.effective_from,
    )


@CATALOG.on(events.MeterCreated)
def _meter(event: events.MeterCreated, envelope: Envelope) -> Sequence[Change]:
    return _item("meters", event, envelope, event.meter, name=event.name, aggregation=event.aggregation)


@CATALOG.on(events.CouponCreated)
def _coupon(event: events.CouponCreated, envelope: Envelope) -> Sequence[Change]:
    return _item(
        "coupons",
        event,
        envelope,
        event.coupon,
        name=event.name,
        percent=None if event.percent is None else f"{event.percent:f}",
        amount=None if event.amount is None else event.amount.amount,
        currency=None if event.amount is None else event.amount.currency,
        periods=event.periods,
        prices=list(event.prices),
        redeem_by=event.redeem_by,
    )


@CATALOG.on(events.ClockCreated)
def _clock(event: events.ClockCreated, envelope: Envelope) -> Sequence[Change]:
    return _item("test_clocks", event, envelope, event.clock, name=event.name, now=event.now)


@CATALOG.on(events.ClockAdvanced)
def _clock_advanced(event: events.ClockAdvanced, envelope: Envelope) -> Sequence[Change]:
    return _changed("test_clocks", envelope, now=event.now)
