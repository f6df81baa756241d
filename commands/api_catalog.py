"""Commands on the catalog: tenants, storefronts, entitlements, bundles, prices, coupons."""

from __future__ import annotations

from pydantic import TypeAdapter

from commands.api_docs import answered
from commands.api_route import Call, Order, command, item_id
from commands.catalog.change_storefront import ChangeStorefront, change_storefront
from commands.catalog.create_coupon import CreateCoupon, create_coupon
from commands.catalog.create_meter import CreateMeter, create_meter
from commands.catalog.create_storefront import CreateStorefront, create_storefront
from commands.catalog.create_tenant import CreateTenant, create_tenant
from commands.catalog.define_bundle import DefineBundle, define_bundle
from commands.catalog.define_entitlement import DefineEntitlement, define_entitlement
from commands.catalog.publish_price import PriceVersion, PublishPrice, publish_price, publish_version
from domain.catalog.aggregates import stream
from infra.http import resources
from infra.http.problems import Problem

_PRICE_EXAMPLE = {"amount": {"amount": 999, "currency": "EUR"}, "interval": {"unit": "month", "count": 1}, "trial_days": 14}


@command(
    "/v1/tenants",
    "Create a tenant",
    tag="Tenants",
    body=TypeAdapter(CreateTenant),
    example={"id": "acme", "name": "Acme Media"},
    returns=answered(resources.Tenant),
    status=201,
    admin=True,
    makes_tenant=True,
)
def create_tenant_(call: Call[CreateTenant]) -> Order:
    """With the bootstrap admin key only; x-tn is not needed. All that follows lives inside a tenant."""
    if call.tenant not in ("", call.body.id):
        raise Problem(403, "tenant-mismatch", "Another tenant", "x-tn names another tenant than the body.")
    return Order(lambda unit: create_tenant(unit, call.body), tenant=call.body.id)


@command(
    "/v1/storefronts",
    "Create a storefront",
    tag="Catalog",
    body=TypeAdapter(CreateStorefront),
    example={"id": "web", "name": "Web shop", "timezone": "Europe/Berlin"},
    returns=answered(resources.Storefront),
    status=201,
    problems=(404,),
)
def create_storefront_(call: Call[CreateStorefront]) -> Order:
    """Where bundles are sold and customers belong. `retry_after_s` is the schedule of retries after failed charges."""
    return Order(lambda unit: create_storefront(unit, call.body))


@command(
    "/v1/storefronts/{id}",
    "Change a storefront",
    tag="Catalog",
    body=TypeAdapter(ChangeStorefront),
    example={"retry_after_s": [86400, 259200]},
    returns=answered(resources.Storefront),
    conditional=True,
    of="The storefront.",
)
def change_storefront_(call: Call[ChangeStorefront]) -> Order:
    """What is left out stays. Payments asked for before keep their schedule, customers their time zone."""
    id = item_id(call.id, "storefront")
    return Order(lambda unit: change_storefront(unit, id, call.body), stream=stream(call.tenant, "storefront", id))


@command(
    "/v1/entitlements",
    "Define an entitlement",
    tag="Catalog",
    body=TypeAdapter(DefineEntitlement),
    example={"id": "hd", "kind": "flag", "name": "HD streaming"},
    returns=answered(resources.Entitlement),
    status=201,
    problems=(404,),
)
def define_entitlement_(call: Call[DefineEntitlement]) -> Order:
    """Something that a bundle can grant: a flag, a tier, a quota or content."""
    return Order(lambda unit: define_entitlement(unit, call.body))


@command(
    "/v1/bundles",
    "Define a bundle",
    tag="Catalog",
    body=TypeAdapter(DefineBundle),
    example={"id": "gold", "storefront": "web", "name": "Gold", "grants": [{"entitlement": "hd", "value": True}]},
    returns=answered(resources.Bundle),
    status=201,
)
def define_bundle_(call: Call[DefineBundle]) -> Order:
    """What a storefront sells: a name for a set of grants. A subscription copies the grants it was sold with."""
    return Order(lambda unit: define_bundle(unit, call.body))


@command(
    "/v1/prices",
    "Publish a price",
    tag="Catalog",
    body=TypeAdapter(PublishPrice),
    example={"id": "gold-monthly-eur", "bundle": "gold", **_PRICE_EXAMPLE},
    returns=answered(resources.Price),
    status=201,
)
def publish_price_(call: Call[PublishPrice]) -> Order:
    """What a bundle costs in one currency and how often; its version 1."""
    return Order(lambda unit: publish_price(unit, call.body))


@command(
    "/v1/prices/{id}/versions",
    "Publish a price's next version",
    tag="Catalog",
    body=TypeAdapter(PriceVersion),
    example=_PRICE_EXAMPLE,
    returns=answered(resources.Price),
    status=201,
    problems=(404,),
    of="The price.",
)
def publish_version_(call: Call[PriceVersion]) -> Order:
    """New sales take it; what was sold keeps its own. A version is never changed, so If-Match other than `*` is refused."""
    if call.versions is not None:
        raise Problem(400, "if-match-not-supported", "If-Match means nothing here", "A price's versions never change.")
    id = item_id(call.id, "price")
    return Order(lambda unit: publish_version(unit, id, call.body))


@command(
    "/v1/coupons",
    "Create a coupon",
    tag="Catalog",
    body=TypeAdapter(CreateCoupon),
    example={"id": "spring", "name": "Spring sale", "percent": "20", "periods": 3},
    returns=answered(resources.Coupon),
    status=201,
    problems=(404,),
)
def create_coupon_(call: Call[CreateCoupon]) -> Order:
    """A percentage or an amount off what a subscription sells: for one period, several, or for ever."""
    return Order(lambda unit: create_coupon(unit, call.body))


@command(
    "/v1/meters",
    "Create a meter",
    tag="Catalog",
    body=TypeAdapter(CreateMeter),
    example={"id": "api-calls", "name": "API calls", "aggregation": "sum"},
    returns=answered(resources.Meter),
    problems=(404,),
    status=201,
)
def create_meter_(call: Call[CreateMeter]) -> Order:
    """Usage is recorded by it, and charged by prices that name it."""
    return Order(lambda unit: create_meter(unit, call.body))


ROUTES = (
    create_tenant_,
    create_storefront_,
    change_storefront_,
    define_entitlement_,
    define_bundle_,
    publish_price_,
    publish_version_,
    create_coupon_,
    create_meter_,
)
