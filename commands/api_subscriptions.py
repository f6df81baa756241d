"""Commands on subscriptions: start and cancel."""

from __future__ import annotations

from pydantic import TypeAdapter

from commands.api_docs import answered
from commands.api_route import Call, Order, command
from commands.subscription.cancel import CancelSubscription, cancel
from commands.subscription.start import StartSubscription, start
from domain.errors import NotFound
from domain.ids import CUSTOMER, SUBSCRIPTION, is_id
from infra.http import resources


@command(
    "/v1/subscriptions",
    "Start a subscription",
    tag="Subscriptions",
    body=TypeAdapter(StartSubscription),
    example={"customer": "cus_0123456789abcdef0123456789ab", "price": "gold-monthly-eur"},
    returns=answered(resources.Subscription),
    status=201,
    keyed=True,
)
def start_subscription(call: Call[StartSubscription]) -> Order:
    """The subscription is in trial or active, with access; its first charge follows. Dates in the past need `backdate`."""
    body = call.body
    if not is_id(body.customer, CUSTOMER):
        raise NotFound("customer", body.customer, "/customer")
    return Order(lambda unit: start(unit, body), home=body.customer)


@command(
    "/v1/subscriptions/{id}/cancel",
    "Cancel a subscription",
    tag="Subscriptions",
    body=TypeAdapter(CancelSubscription),
    example={"at": "period_end"},
    returns=answered(resources.Subscription),
    keyed=True,
    conditional=True,
    of="The subscription.",
)
def cancel_subscription(call: Call[CancelSubscription]) -> Order:
    """`now` ends access at once; `period_end` with the trial or the period that runs. What is open stays owed."""
    id = call.id
    if not is_id(id, SUBSCRIPTION):
        raise NotFound("subscription", id)
    return Order(lambda unit: cancel(unit, id, call.body), home=id, stream=id)


ROUTES = (start_subscription, cancel_subscription)
