"""Routes of the catalog: tenants, storefronts, entitlements, bundles, prices."""

from __future__ import annotations

from fastapi import FastAPI, Request
from pydantic import TypeAdapter
from starlette.responses import Response

from commands.api_desk import Desk, item_id
from commands.api_docs import answered, operation, path_id
from commands.catalog.change_storefront import ChangeStorefront, change_storefront
from commands.catalog.create_storefront import CreateStorefront, create_storefront
from commands.catalog.create_tenant import CreateTenant, create_tenant
from commands.catalog.define_bundle import DefineBundle, define_bundle
from commands.catalog.define_entitlement import DefineEntitlement, define_entitlement
from commands.catalog.publish_price import PriceVersion, PublishPrice, publish_price, publish_version
from domain.catalog.aggregates import Bundle, Price, Storefront, stream
from infra.http import resources
from infra.http.problems import Problem

_TENANT = TypeAdapter(CreateTenant)
_STOREFRONT = TypeAdapter(CreateStorefront)
_STOREFRONT_CHANGE = TypeAdapter(ChangeStorefront)
_ENTITLEMENT = TypeAdapter(DefineEntitlement)
_BUNDLE = TypeAdapter(DefineBundle)
_PRICE = TypeAdapter(PublishPrice)
_PRICE_VERSION = TypeAdapter(PriceVersion)

_PRICE_EXAMPLE = {"amount": {"amount": 999, "currency": "EUR"}, "interval": {"unit": "month", "count": 1}, "trial_days": 14}


def routes(app: FastAPI, desk: Desk) -> None:
    """All of them."""
    _tenants(app, desk)
    _storefronts(app, desk)
    _items(app, desk)
    _prices(app, desk)


def _tenants(app: FastAPI, desk: Desk) -> None:
    @app.post(
        "/v1/tenants",
        tags=["Tenants"],
        **operation(
            "Create a tenant",
            body=_TENANT,
            example={"id": "acme", "name": "Acme Media"},
            returns=answered(resources.Tenant),
            status=201,
        ),
    )
    async def create_tenant_(request: Request) -> Response:
        """With the bootstrap admin key only; x-tn is not needed. All that follows lives inside a tenant."""
        call = await desk.call(request, _TENANT, admin=True, makes_tenant=True)
        if call.tenant not in ("", call.body.id):
            raise Problem(403, "tenant-mismatch", "Another tenant", "x-tn names another tenant than the body.")
        answer = await desk.submit(call, lambda unit: create_tenant(unit, call.body), tenant=call.body.id)
        return desk.answer(answer, status=201, location=f"/v1/tenants/{call.body.id}")


def _storefronts(app: FastAPI, desk: Desk) -> None:
    @app.post(
        "/v1/storefronts",
        tags=["Catalog"],
        **operation(
            "Create a storefront",
            body=_STOREFRONT,
            example={"id": "web", "name": "Web shop", "timezone": "Europe/Berlin"},
            returns=answered(resources.Storefront),
            status=201,
            problems=(404,),
        ),
    )
    async def create_storefront_(request: Request) -> Response:
        """Where bundles are sold and customers belong. `retry_after_s` is the schedule of retries after failed charges."""
        call = await desk.call(request, _STOREFRONT)
        answer = await desk.submit(call, lambda unit: create_storefront(unit, call.body))
        assert isinstance(answer.target, Storefront)
        return desk.answer(answer, status=201, location=f"/v1/storefronts/{answer.target.storefront}")

    @app.post(
        "/v1/storefronts/{id}",
        tags=["Catalog"],
        **operation(
            "Change a storefront",
            body=_STOREFRONT_CHANGE,
            example={"retry_after_s": [86400, 259200]},
            returns=answered(resources.Storefront),
            conditional=True,
            path=path_id("The storefront."),
        ),
    )
    async def change_storefront_(request: Request) -> Response:
        """What is left out stays. Payments asked for before keep their schedule, customers their time zone."""
        call = await desk.call(request, _STOREFRONT_CHANGE)
        id = item_id(request, "storefront")
        answer = await desk.submit(
            call, lambda unit: change_storefront(unit, id, call.body), stream=stream(call.tenant, "storefront", id)
        )
        return desk.answer(answer)


def _items(app: FastAPI, desk: Desk) -> None:
    @app.post(
        "/v1/entitlements",
        tags=["Catalog"],
        **operation(
            "Define an entitlement",
            body=_ENTITLEMENT,
            example={"id": "hd", "kind": "flag", "name": "HD streaming"},
            returns=answered(resources.Entitlement),
            status=201,
            problems=(404,),
        ),
    )
    async def define_entitlement_(request: Request) -> Response:
        """Something that a bundle can grant: a flag, a tier, a quota or content."""
        call = await desk.call(request, _ENTITLEMENT)
        answer = await desk.submit(call, lambda unit: define_entitlement(unit, call.body))
        return desk.answer(answer, status=201, location=f"/v1/entitlements/{call.body.id}")

    @app.post(
        "/v1/bundles",
        tags=["Catalog"],
        **operation(
            "Define a bundle",
            body=_BUNDLE,
            example={"id": "gold", "storefront": "web", "name": "Gold", "grants": [{"entitlement": "hd", "value": True}]},
            returns=answered(resources.Bundle),
            status=201,
        ),
    )
    async def define_bundle_(request: Request) -> Response:
        """What a storefront sells: a name for a set of grants. A subscription copies the grants it was sold with."""
        call = await desk.call(request, _BUNDLE)
        answer = await desk.submit(call, lambda unit: define_bundle(unit, call.body))
        assert isinstance(answer.target, Bundle)
        return desk.answer(answer, status=201, location=f"/v1/bundles/{answer.target.bundle}")


def _prices(app: FastAPI, desk: Desk) -> None:
    @app.post(
        "/v1/prices",
        tags=["Catalog"],
        **operation(
            "Publish a price",
            body=_PRICE,
            example={"id": "gold-monthly-eur", "bundle": "gold", **_PRICE_EXAMPLE},
            returns=answered(resources.Price),
            status=201,
        ),
    )
    async def publish_price_(request: Request) -> Response:
        """What a bundle costs in one currency and how often; its version 1."""
        call = await desk.call(request, _PRICE)
        answer = await desk.submit(call, lambda unit: publish_price(unit, call.body))
        assert isinstance(answer.target, Price)
        return desk.answer(answer, status=201, location=f"/v1/prices/{answer.target.price}")

    @app.post(
        "/v1/prices/{id}/versions",
        tags=["Catalog"],
        **operation(
            "Publish a price's next version",
            body=_PRICE_VERSION,
            example=_PRICE_EXAMPLE,
            returns=answered(resources.Price),
            status=201,
            problems=(404,),
            path=path_id("The price."),
        ),
    )
    async def publish_version_(request: Request) -> Response:
        """New sales take it; what was sold keeps its own. A version is never changed, so If-Match other than `*` is refused."""
        call = await desk.call(request, _PRICE_VERSION)
        if call.version is not None:
            raise Problem(400, "if-match-not-supported", "If-Match means nothing here", "A price's versions never change.")
        id = item_id(request, "price")
        answer = await desk.submit(call, lambda unit: publish_version(unit, id, call.body))
        return desk.answer(answer, status=201, location=f"/v1/prices/{id}")
