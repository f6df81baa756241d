"""Routes of the catalog: what is sold, where and by whom."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Response

from infra.http import problems, resources
from infra.http.resources import Page
from queries import api_keys, catalog
from queries.api_asking import Ask, item_id
from queries.api_documents import LIST, ONE
from queries.api_parameters import ListParameters, NoParameters
from queries.lists import find, page

router = APIRouter(prefix="/v1", tags=["catalog"])
_CATALOG = "catalog"
Nothing = Annotated[NoParameters, Query()]
Listed = Annotated[ListParameters, Query()]


@router.get("/tenants/{id}", response_model=resources.Tenant, responses=ONE)
async def get_tenant(id: str, ask: Ask, _: Nothing) -> Response:
    """One's own tenant; the admin may ask for any."""
    item_id(id, "tenant")
    if not ask.principal.is_admin and ask.principal.tenant != id:
        raise problems.not_found("tenant", id)
    query = partial(find, listing=catalog.TENANTS, id=id)
    return await ask.one(resources.Tenant, query, "tenant", id, partition=_CATALOG, tenant=id)


@router.get("/storefronts", response_model=Page[resources.Storefront], responses=LIST)
async def list_storefronts(ask: Ask, parameters: Listed) -> Response:
    """Storefronts, newest first."""
    return await ask.page(resources.Storefront, partial(page, listing=catalog.STOREFRONTS, asked=parameters.asked()))


@router.get("/storefronts/{id}", response_model=resources.Storefront, responses=ONE)
async def get_storefront(id: str, ask: Ask, _: Nothing) -> Response:
    """One storefront."""
    query = partial(find, listing=catalog.STOREFRONTS, id=item_id(id, "storefront"))
    return await ask.one(resources.Storefront, query, "storefront", id, partition=_CATALOG)


@router.get("/entitlements", response_model=Page[resources.Entitlement], responses=LIST)
async def list_entitlements(ask: Ask, parameters: Listed) -> Response:
    """Entitlements as they are defined, newest first; what a customer has of them is under the customer."""
    return await ask.page(resources.Entitlement, partial(page, listing=catalog.ENTITLEMENTS, asked=parameters.asked()))


@router.get("/entitlements/{id}", response_model=resources.Entitlement, responses=ONE)
async def get_entitlement(id: str, ask: Ask, _: Nothing) -> Response:
    """One entitlement's definition."""
    query = partial(find, listing=catalog.ENTITLEMENTS, id=item_id(id, "entitlement"))
    return await ask.one(resources.Entitlement, query, "entitlement", id, partition=_CATALOG)


@router.get("/bundles", response_model=Page[resources.Bundle], responses=LIST)
async def list_bundles(ask: Ask, parameters: Listed) -> Response:
    """Bundles, newest first."""
    return await ask.page(resources.Bundle, partial(page, listing=catalog.BUNDLES, asked=parameters.asked()))


@router.get("/bundles/{id}", response_model=resources.Bundle, responses=ONE)
async def get_bundle(id: str, ask: Ask, _: Nothing) -> Response:
    """One bundle with what it grants."""
    query = partial(find, listing=catalog.BUNDLES, id=item_id(id, "bundle"))
    return await ask.one(resources.Bundle, query, "bundle", id, partition=_CATALOG)


@router.get("/prices", response_model=Page[resources.Price], responses=LIST)
async def list_prices(ask: Ask, parameters: Listed) -> Response:
    """Prices in all their versions, newest first."""
    return await ask.page(resources.Price, partial(page, listing=catalog.PRICES, asked=parameters.asked()))


@router.get("/prices/{id}", response_model=resources.Price, responses=ONE)
async def get_price(id: str, ask: Ask, _: Nothing) -> Response:
    """A price in its newest version; ``monthly@2`` asks for a version."""
    name, _at, version = item_id(id, "price").partition("@")
    if _at and not (version.isdigit() and len(version) < 9):
        raise problems.not_found("price", id)
    query = partial(catalog.find_price, id=name, version=int(version) if version else None)
    return await ask.one(resources.Price, query, "price", id, partition=_CATALOG, tagged=("price_version", "version"))


@router.get("/coupons", response_model=Page[resources.Coupon], responses=LIST)
async def list_coupons(ask: Ask, parameters: Listed) -> Response:
    """Coupons, newest first."""
    return await ask.page(resources.Coupon, partial(page, listing=catalog.COUPONS, asked=parameters.asked()))


@router.get("/coupons/{id}", response_model=resources.Coupon, responses=ONE)
async def get_coupon(id: str, ask: Ask, _: Nothing) -> Response:
    """One coupon."""
    query = partial(find, listing=catalog.COUPONS, id=item_id(id, "coupon"))
    return await ask.one(resources.Coupon, query, "coupon", id, partition=_CATALOG)


@router.get("/meters", response_model=Page[resources.Meter], responses=LIST)
async def list_meters(ask: Ask, parameters: Listed) -> Response:
    """Meters, newest first."""
    return await ask.page(resources.Meter, partial(page, listing=catalog.METERS, asked=parameters.asked()))


@router.get("/meters/{id}", response_model=resources.Meter, responses=ONE)
async def get_meter(id: str, ask: Ask, _: Nothing) -> Response:
    """One meter."""
    query = partial(find, listing=catalog.METERS, id=item_id(id, "meter"))
    return await ask.one(resources.Meter, query, "meter", id, partition=_CATALOG)


@router.get("/api-keys", response_model=Page[resources.ApiKey], responses=LIST, tags=["keys"])
async def list_api_keys(ask: Ask, parameters: Listed) -> Response:
    """API keys, newest first; never their text."""
    return await ask.page(resources.ApiKey, partial(page, listing=api_keys.API_KEYS, asked=parameters.asked()))


@router.get("/api-keys/{id}", response_model=resources.ApiKey, responses=ONE, tags=["keys"])
async def get_api_key(id: str, ask: Ask, _: Nothing) -> Response:
    """One key's record, revoked or not; never its text."""
    query = partial(find, listing=api_keys.API_KEYS, id=item_id(id, "api_key"))
    return await ask.one(resources.ApiKey, query, "api_key", id, partition=_CATALOG)
