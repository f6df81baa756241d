"""Routes of customers."""

from __future__ import annotations

from fastapi import FastAPI, Request
from pydantic import TypeAdapter
from starlette.responses import Response

from commands.api_desk import Desk
from commands.api_docs import answered, operation, path_id
from commands.customer.change import ChangeCustomer, change
from commands.customer.register import RegisterCustomer, register
from commands.customer.set_payment_method import SetPaymentMethod, set_payment_method
from domain.errors import NotFound
from domain.ids import CUSTOMER, customer_id, is_id
from infra.http import resources

_REGISTER = TypeAdapter(RegisterCustomer)
_CHANGE = TypeAdapter(ChangeCustomer)
_PAYMENT_METHOD = TypeAdapter(SetPaymentMethod)
_PATH = path_id("The customer.")


def routes(app: FastAPI, desk: Desk) -> None:
    """Register, change, set the payment method."""

    @app.post(
        "/v1/customers",
        tags=["Customers"],
        **operation(
            "Register a customer",
            body=_REGISTER,
            example={
                "storefront": "web",
                "external_id": "u-1001",
                "personal": {"name": "Ada Lovelace", "email": "ada@example.com"},
                "payment_method": {"provider": "simulator", "token": "sim_ok"},
            },
            returns=answered(resources.Customer),
            status=201,
        ),
    )
    async def register_customer(request: Request) -> Response:
        """`external_id` is unique in the storefront: a second registration with it is a 409. Personal data is stored sealed."""
        call = await desk.call(request, _REGISTER)
        body = call.body
        id = customer_id(desk.settings.secret, call.tenant, body.storefront, body.external_id, call.key)
        answer = await desk.submit(call, lambda unit: register(unit, body), customer=id)
        return desk.answer(answer, status=201, location=f"/v1/customers/{id}")

    @app.post(
        "/v1/customers/{id}",
        tags=["Customers"],
        **operation(
            "Change a customer",
            body=_CHANGE,
            example={"timezone": "Europe/Paris"},
            returns=answered(resources.Customer),
            conditional=True,
            path=_PATH,
        ),
    )
    async def change_customer(request: Request) -> Response:
        """What is left out stays; `personal` replaces all personal data, null removes it. Subscriptions keep their time zone."""
        call = await desk.call(request, _CHANGE)
        id = _customer(request)
        return desk.answer(await desk.submit(call, lambda unit: change(unit, call.body), customer=id, stream=id))

    @app.post(
        "/v1/customers/{id}/payment-method",
        tags=["Customers"],
        **operation(
            "Set a customer's payment method",
            body=_PAYMENT_METHOD,
            example={"payment_method": {"provider": "simulator", "token": "sim_ok"}},
            returns=answered(resources.Customer),
            conditional=True,
            path=_PATH,
        ),
    )
    async def set_customer_payment_method(request: Request) -> Response:
        """What the next attempt charges, retries included; null: there is none any more, and charges fail."""
        call = await desk.call(request, _PAYMENT_METHOD)
        id = _customer(request)
        return desk.answer(await desk.submit(call, lambda unit: set_payment_method(unit, call.body), customer=id, stream=id))


def _customer(request: Request) -> str:
    id: str = request.path_params["id"]
    if not is_id(id, CUSTOMER):
        raise NotFound("customer", id)
    return id
