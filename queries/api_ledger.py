"""Routes of subscriptions, invoices and payments."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Response

from infra.http import resources
from infra.http.event_resources import Explanation, Timeline
from infra.http.resources import Page
from queries.api_asking import Ask, ledger_id
from queries.api_documents import LIST, ONE
from queries.api_parameters import InvoiceParameters, NoParameters, PaymentParameters, SubscriptionParameters, UsageParameters
from queries.explain import explain
from queries.invoices import INVOICES
from queries.lists import find, page
from queries.payments import PAYMENTS
from queries.subscriptions import SUBSCRIPTIONS
from queries.timeline import timeline
from queries.usage import USAGE

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


@router.get("/subscriptions/{id}/timeline", response_model=Timeline, responses=ONE, tags=["subscriptions"])
async def subscription_timeline(id: str, ask: Ask, _: Nothing) -> Response:
    """What the customer could use by it, from when until when, who made it so and why; and what is known of the future."""
    query = partial(timeline, subscription=ledger_id(id, "sub", "subscription"))
    return await ask.one(Timeline, query, "subscription", id)


@router.get("/invoices", response_model=Page[resources.Invoice], responses=LIST, tags=["invoices"])
async def list_invoices(ask: Ask, parameters: Annotated[InvoiceParameters, Query()]) -> Response:
    """Invoices, newest first; ``created`` is when one was issued."""
    return await ask.page(resources.Invoice, partial(page, listing=INVOICES, asked=parameters.asked()))


@router.get("/invoices/{id}", response_model=resources.Invoice, responses=ONE, tags=["invoices"])
async def get_invoice(id: str, ask: Ask, _: Nothing) -> Response:
    """One invoice: its lines, its totals and what paid it."""
    query = partial(find, listing=INVOICES, id=ledger_id(id, "inv", "invoice"))
    return await ask.one(resources.Invoice, query, "invoice", id)


@router.get("/invoices/{id}/lines/{line}/explain", response_model=Explanation, responses=ONE, tags=["invoices"])
async def explain_line(id: str, line: int, ask: Ask, _: Nothing) -> Response:
    """Why a line, counted from 1, is what it is: the price, the formula with its numbers, the rounding, the events."""
    query = partial(explain, tenant=ask.tenant, invoice=ledger_id(id, "inv", "invoice"), number=line)
    return await ask.one(Explanation, query, "invoice line", f"{id}/{line}")


@router.get("/payments", response_model=Page[resources.Payment], responses=LIST, tags=["payments"])
async def list_payments(ask: Ask, parameters: Annotated[PaymentParameters, Query()]) -> Response:
    """Payments, newest first."""
    return await ask.page(resources.Payment, partial(page, listing=PAYMENTS, asked=parameters.asked()))


@router.get("/payments/{id}", response_model=resources.Payment, responses=ONE, tags=["payments"])
async def get_payment(id: str, ask: Ask, _: Nothing) -> Response:
    """One payment with its attempts."""
    query = partial(find, listing=PAYMENTS, id=ledger_id(id, "pay", "payment"))
    return await ask.one(resources.Payment, query, "payment", id)


@router.get("/usage", response_model=Page[resources.Usage], responses=LIST, tags=["usage"])
async def list_usage(ask: Ask, parameters: Annotated[UsageParameters, Query()]) -> Response:
    """Records of usage, the newest first; ``created`` is when one was recorded."""
    return await ask.page(resources.Usage, partial(page, listing=USAGE, asked=parameters.asked()))
