"""Routes of histories: an aggregate's events, newest first, each with who, when, what, before and after."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Response

from domain.catalog.aggregates import stream
from infra.http import problems
from infra.http.event_resources import HistoryEvent
from infra.http.resources import Page
from queries import history
from queries.api_asking import Ask, Asking, item_id, ledger_id
from queries.api_documents import PART
from queries.api_parameters import PageParameters

router = APIRouter(prefix="/v1", tags=["history"])
Listed = Annotated[PageParameters, Query()]
Events = Page[HistoryEvent]


async def _events(ask: Asking, id: str, parameters: PageParameters, what: str) -> Response:
    query = partial(history.events, stream=id, asked=parameters.asked())
    return await ask.page(HistoryEvent, query, what, id)


async def _item_events(ask: Asking, kind: str, id: str, parameters: PageParameters) -> Response:
    name = stream(ask.principal.tenant, kind, item_id(id, kind))
    query = partial(history.events, stream=name, asked=parameters.asked())
    return await ask.page(HistoryEvent, query, kind, id, partition="catalog")


@router.get("/customers/{id}/events", response_model=Events, responses=PART)
async def customer_events(id: str, ask: Ask, parameters: Listed) -> Response:
    """A customer's events. Personal data is masked."""
    return await _events(ask, ledger_id(id, "cus", "customer"), parameters, "customer")


@router.get("/subscriptions/{id}/events", response_model=Events, responses=PART)
async def subscription_events(id: str, ask: Ask, parameters: Listed) -> Response:
    """A subscription's events."""
    return await _events(ask, ledger_id(id, "sub", "subscription"), parameters, "subscription")


@router.get("/invoices/{id}/events", response_model=Events, responses=PART)
async def invoice_events(id: str, ask: Ask, parameters: Listed) -> Response:
    """An invoice's events."""
    return await _events(ask, ledger_id(id, "inv", "invoice"), parameters, "invoice")


@router.get("/payments/{id}/events", response_model=Events, responses=PART)
async def payment_events(id: str, ask: Ask, parameters: Listed) -> Response:
    """A payment's events."""
    return await _events(ask, ledger_id(id, "pay", "payment"), parameters, "payment")


@router.get("/tenants/{id}/events", response_model=Events, responses=PART)
async def tenant_events(id: str, ask: Ask, parameters: Listed) -> Response:
    """The tenant's own events."""
    if id != ask.principal.tenant:
        raise problems.not_found("tenant", id)
    return await _item_events(ask, "tenant", id, parameters)


@router.get("/storefronts/{id}/events", response_model=Events, responses=PART)
async def storefront_events(id: str, ask: Ask, parameters: Listed) -> Response:
    """A storefront's events."""
    return await _item_events(ask, "storefront", id, parameters)


@router.get("/entitlements/{id}/events", response_model=Events, responses=PART)
async def entitlement_events(id: str, ask: Ask, parameters: Listed) -> Response:
    """An entitlement's events."""
    return await _item_events(ask, "entitlement", id, parameters)


@router.get("/bundles/{id}/events", response_model=Events, responses=PART)
async def bundle_events(id: str, ask: Ask, parameters: Listed) -> Response:
    """A bundle's events."""
    return await _item_events(ask, "bundle", id, parameters)


@router.get("/prices/{id}/events", response_model=Events, responses=PART)
async def price_events(id: str, ask: Ask, parameters: Listed) -> Response:
    """The events of one version of a price, named as ``monthly@2``."""
    return await _item_events(ask, "price", id, parameters)


@router.get("/coupons/{id}/events", response_model=Events, responses=PART)
async def coupon_events(id: str, ask: Ask, parameters: Listed) -> Response:
    """A coupon's events."""
    return await _item_events(ask, "coupon", id, parameters)


@router.get("/meters/{id}/events", response_model=Events, responses=PART)
async def meter_events(id: str, ask: Ask, parameters: Listed) -> Response:
    """A meter's events."""
    return await _item_events(ask, "meter", id, parameters)


@router.get("/api-keys/{id}/events", response_model=Events, responses=PART)
async def api_key_events(id: str, ask: Ask, parameters: Listed) -> Response:
    """An API key's events. Its hash is masked."""
    return await _item_events(ask, "api-key", id, parameters)
