"""Routes of customers: who they are, what they may use, what they have paid too much."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Response

from infra.http import resources
from infra.http.resources import Page
from queries import balance, entitlements
from queries.api_asking import Ask, Asking, item_id, ledger_id
from queries.api_documents import LIST, ONE, PART
from queries.api_parameters import CustomerParameters, NoParameters
from queries.customers import CUSTOMERS
from queries.lists import Page as Found
from queries.lists import find, page

router = APIRouter(prefix="/v1/customers", tags=["customers"])
Nothing = Annotated[NoParameters, Query()]


@router.get("", response_model=Page[resources.Customer], responses=LIST)
async def list_customers(ask: Ask, parameters: Annotated[CustomerParameters, Query()]) -> Response:
    """Customers, newest first; ``external_id`` with ``storefront`` finds one by the client's own id."""
    return await ask.page(resources.Customer, partial(page, listing=CUSTOMERS, asked=parameters.asked()))


@router.get("/{id}", response_model=resources.Customer, responses=ONE)
async def get_customer(id: str, ask: Ask, _: Nothing) -> Response:
    """One customer."""
    query = partial(find, listing=CUSTOMERS, id=ledger_id(id, "cus", "customer"))
    return await ask.one(resources.Customer, query, "customer", id)


@router.get("/{id}/entitlements", response_model=Page[resources.GrantedEntitlement], responses=PART)
async def list_granted(id: str, ask: Ask, _: Nothing) -> Response:
    """Everything the customer may use now (by its test clock, where it has one), in one page."""
    holdings, at = await ask.holdings(ledger_id(id, "cus", "customer"))
    found = None if holdings is None else Found(entitlements.granted(holdings, ask.asked.now()), None)
    return await ask.answer_page(resources.GrantedEntitlement, found, at, "customer", id)


@router.get("/{id}/entitlements/{key}", response_model=resources.EntitlementCheck, responses=PART)
async def check_entitlement(id: str, key: str, ask: Ask, _: Nothing) -> Response:
    """Whether the customer may use this now; an entitlement that nobody granted is simply not granted."""
    return await check(ask, id, key)


async def check(ask: Asking, id: str, key: str) -> Response:
    """The answer to an entitlement check."""
    entitlement = item_id(key, "entitlement")
    holdings, at = await ask.holdings(ledger_id(id, "cus", "customer"))
    found = None if holdings is None else entitlements.check(holdings, id, entitlement, ask.asked.now())
    return await ask.answer_one(resources.EntitlementCheck, found, at, "customer", id)


@router.get("/{id}/balance", response_model=resources.Balance, responses=PART)
async def get_balance(id: str, ask: Ask, _: Nothing) -> Response:
    """What the customer has paid beyond what was owed, by currency."""
    query = partial(balance.find, customer=ledger_id(id, "cus", "customer"))
    return await ask.one(resources.Balance, query, "customer", id)
