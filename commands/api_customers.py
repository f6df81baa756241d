"""Commands on customers: register, change, set the payment method."""

from __future__ import annotations

from pydantic import TypeAdapter

from commands.api_docs import answered
from commands.api_route import Call, Order, command, named
from commands.customer.change import ChangeCustomer, change
from commands.customer.register import RegisterCustomer, register
from commands.customer.set_billing import SetBilling, set_billing
from commands.customer.set_payment_method import SetPaymentMethod, set_payment_method
from domain.ids import CUSTOMER, customer_id
from infra.http import resources

_METHOD_EXAMPLE = {"provider": "simulator", "token": "sim_ok"}


@command(
    "/v1/customers",
    "Register a customer",
    tag="Customers",
    body=TypeAdapter(RegisterCustomer),
    example={
        "storefront": "web",
        "external_id": "u-1001",
        "personal": {"name": "Ada Lovelace", "email": "ada@example.com"},
        "payment_method": _METHOD_EXAMPLE,
    },
    returns=answered(resources.Customer),
    status=201,
)
def register_customer(call: Call[RegisterCustomer]) -> Order:
    """`external_id` is unique in the storefront: a second registration with it is a 409. Personal data is stored sealed."""
    body = call.body
    id = customer_id(call.settings.secret, call.tenant, body.storefront, body.external_id, call.key)
    return Order(lambda unit: register(unit, body), home=id)


@command(
    "/v1/customers/{id}",
    "Change a customer",
    tag="Customers",
    body=TypeAdapter(ChangeCustomer),
    example={"timezone": "Europe/Paris"},
    returns=answered(resources.Customer),
    conditional=True,
    of="The customer.",
)
def change_customer(call: Call[ChangeCustomer]) -> Order:
    """What is left out stays; `personal` replaces all personal data, null removes it. Subscriptions keep their time zone."""
    id = named(call.id, CUSTOMER)
    return Order(lambda unit: change(unit, call.body), home=id, stream=id)


@command(
    "/v1/customers/{id}/payment-method",
    "Set a customer's payment method",
    tag="Customers",
    body=TypeAdapter(SetPaymentMethod),
    example={"payment_method": _METHOD_EXAMPLE},
    returns=answered(resources.Customer),
    conditional=True,
    of="The customer.",
)
def set_customer_payment_method(call: Call[SetPaymentMethod]) -> Order:
    """What the next attempt charges, retries included; null: there is none any more, and charges fail."""
    id = named(call.id, CUSTOMER)
    return Order(lambda unit: set_payment_method(unit, call.body), home=id, stream=id)


@command(
    "/v1/customers/{id}/billing",
    "Set how a customer is billed",
    tag="Customers",
    body=TypeAdapter(SetBilling),
    example={"billing_day": 1, "together": True},
    returns=answered(resources.Customer),
    conditional=True,
    of="The customer.",
)
def set_customer_billing(call: Call[SetBilling]) -> Order:
    """On a day of the month, and together on one invoice or each subscription on its own. What was sold before stays as it is."""
    id = named(call.id, CUSTOMER)
    return Order(lambda unit: set_billing(unit, call.body), home=id, stream=id)


ROUTES = (register_customer, change_customer, set_customer_payment_method, set_customer_billing)
