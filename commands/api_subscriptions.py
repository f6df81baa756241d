"""Routes of subscriptions."""

from __future__ import annotations

from fastapi import FastAPI, Request
from pydantic import TypeAdapter
from starlette.responses import Response

from commands.api_desk import Desk
from commands.api_docs import answered, operation, path_id
from commands.subscription.cancel import CancelSubscription, cancel
from commands.subscription.start import StartSubscription, start
from domain.errors import NotFound
from domain.ids import CUSTOMER, SUBSCRIPTION, is_id
from infra.http import resources

_START = TypeAdapter(StartSubscription)
_CANCEL = TypeAdapter(CancelSubscription)


def routes(app: FastAPI, desk: Desk) -> None:
    """Start and cancel."""

    @app.post(
        "/v1/subscriptions",
        tags=["Subscriptions"],
        **operation(
            "Start a subscription",
            body=_START,
            example={"customer": "cus_0123456789abcdef0123456789ab", "price": "gold-monthly-eur"},
            returns=answered(resources.Subscription),
            status=201,
            keyed=True,
        ),
    )
    async def start_subscription(request: Request) -> Response:
        """The subscription is in trial or active, with access; its first charge follows. Dates in the past need `backdate`."""
        call = await desk.call(request, _START, keyed=True)
        body = call.body
        if not is_id(body.customer, CUSTOMER):
            raise NotFound("customer", body.customer, "/customer")
        answer = await desk.submit(call, lambda unit: start(unit, body), customer=body.customer)
        return desk.answer(answer, status=201, location=f"/v1/subscriptions/{answer.target.id}")

    @app.post(
        "/v1/subscriptions/{id}/cancel",
        tags=["Subscriptions"],
        **operation(
            "Cancel a subscription",
            body=_CANCEL,
            example={"at": "period_end"},
            returns=answered(resources.Subscription),
            keyed=True,
            conditional=True,
            path=path_id("The subscription."),
        ),
    )
    async def cancel_subscription(request: Request) -> Response:
        """`now` ends access at once; `period_end` with the trial or the period that runs. What is open stays owed."""
        call = await desk.call(request, _CANCEL, keyed=True)
        id: str = request.path_params["id"]
        if not is_id(id, SUBSCRIPTION):
            raise NotFound("subscription", id)
        customer = await desk.ledger.customer_of(call.tenant, id)
        return desk.answer(await desk.submit(call, lambda unit: cancel(unit, id, call.body), customer=customer, stream=id))
