"""Routes of subscriptions, invoices and payments."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Response

from infra.http import resources
from infra.http.resources import Page
from queries.api_asking import Ask, ledger_id
from queries.api_documents import LIST, ONE
from queries.api_parameters import InvoiceParameters, NoParameters, PaymentParameters, SubscriptionParameters
from queries.invoices import INVOICES
from queries.lists import find, page
from queries.payments import PAYMENTS
from queries.subscriptions import SUBSCRIPTIONS

router = APIRouter(prefix="/v1")
Nothing = Annotated[NoParameters, Query()]


@router.get("/subscriptions", response_model=Page[resources.Subscription], responses=LIST, tags=["subscriptions"])
async def list_subscriptions(ask: Ask, parameters: Annotated[SubscriptionParameters, Query()]) -> Response:
    """Subscriptions, newest first."""
    return await ask.page(resources.Subscription, partial(page, listing=SUBSCRIPTIONS, asked=parameters.asked()))


@router.get("/subscriptions/{id}", response_model=resources.Subscription, responses=ONE, tags=["subscriptions"])
async def get_subscription(id: str, ask: Ask, _: Nothing) -> Response:
    """One subscription."""
    query = partial(find, listing=SUBSCRIPTIONS, id=ledger_id(id, "sub", "subscription"))
    return await ask.one(resources.Subscription, query, "subscription", id)


@router.get("/invoices", response_model=Page[resources.Invoice], responses=LIST, tags=["invoices"])
async def list_invoices(ask: Ask, parameters: Annotated[InvoiceParameters, Query()]) -> Response:
    """Invoices, newest first; ``created`` is when one was issued."""
    return await ask.page(resources.Invoice, partial(page, listing=INVOICES, asked=parameters.asked()))


@router.get("/invoices/{id}", response_model=resources.Invoice, responses=ONE, tags=["invoices"])
async def get_invoice(id: str, ask: Ask, _: Nothing) -> Response:
    """One invoice: its lines, its totals and what paid it."""
    query = partial(find, listing=INVOICES, id=ledger_id(id, "inv", "invoice"))
    return await ask.one(resources.Invoice, query, "invoice", id)


@router.get("/payments", response_model=Page[resources.Payment], responses=LIST, tags=["payments"])
async def list_payments(ask: Ask, parameters: Annotated[PaymentParameters, Query()]) -> Response:
    """Payments, newest first."""
    return await ask.page(resources.Payment, partial(page, listing=PAYMENTS, asked=parameters.asked()))


@router.get("/payments/{id}", response_model=resources.Payment, responses=ONE, tags=["payments"])
async def get_payment(id: str, ask: Ask, _: Nothing) -> Response:
    """One payment with its attempts."""
    query = partial(find, listing=PAYMENTS, id=ledger_id(id, "pay", "payment"))
    return await ask.one(resources.Payment, query, "payment", id)
