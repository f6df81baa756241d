"""What the clients of a simulated world ask for, and how that becomes commands."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from commands.catalog.create_storefront import CreateStorefront, create_storefront
from commands.catalog.create_tenant import CreateTenant, create_tenant
from commands.catalog.define_bundle import DefineBundle, define_bundle
from commands.catalog.publish_price import PublishPrice, publish_price
from commands.command import Command
from commands.customer.register import RegisterCustomer, register
from commands.customer.set_payment_method import SetPaymentMethod, set_payment_method
from commands.subscription.cancel import CancelSubscription, cancel
from commands.subscription.start import StartSubscription, start
from commands.unit import Unit
from domain.event import Aggregate
from domain.ids import SUBSCRIPTION, IdSequence, customer_id
from tests.checker.answers import command_id, keyed_hash

SECRET = b"secret-of-the-simulation"
TENANT = "acme"
STOREFRONT = "web"
DAY_S = 86_400
EUR = {"amount": 100, "currency": "EUR"}
PRICES = {
    "daily": {"id": "daily", "bundle": "gold", "amount": EUR, "interval": {"unit": "day"}},
    "trial": {"id": "trial", "bundle": "gold", "amount": EUR, "interval": {"unit": "week"}, "trial_days": 1},
    "twice": {"id": "twice", "bundle": "gold", "amount": EUR, "interval": {"unit": "day"}, "term_periods": 2},
}

Kind = Literal["register", "start", "cancel_now", "cancel_later", "card"]


@dataclass(frozen=True, slots=True)
class Request:
    """``key`` names the request: sent again under it, it is the same one. ``detail`` is a token, a price, or the key of the start
    whose subscription is meant.
    """

    key: str
    kind: Kind
    customer: int
    detail: str

    def __str__(self) -> str:
        return f"{self.key}: {self.kind} {self.detail} for customer {self.customer}"

    @property
    def path(self) -> str:
        match self.kind:
            case "register":
                return "/v1/customers"
            case "start":
                return "/v1/subscriptions"
            case "card":
                return f"/v1/customers/{customer_of(self.customer)}/payment-method"
            case "cancel_now" | "cancel_later":
                return f"/v1/subscriptions/{self._subscription}/cancel"

    @property
    def body(self) -> dict[str, Any]:
        method = {"provider": "simulator", "token": self.detail}
        match self.kind:
            case "register":
                personal = {"name": f"Name {self.customer}"} if self.customer % 2 else None
                external = f"u-{self.customer}"
                return {"storefront": STOREFRONT, "external_id": external, "payment_method": method, "personal": personal}
            case "start":
                return {"customer": customer_of(self.customer), "price": self.detail}
            case "card":
                return {"payment_method": method}
            case "cancel_now":
                return {"at": "now"}
            case "cancel_later":
                return {"at": "period_end"}

    @property
    def handler(self) -> Callable[[Unit], Aggregate]:
        match self.kind:
            case "register":
                return lambda unit: register(unit, RegisterCustomer.model_validate(self.body))
            case "start":
                return lambda unit: start(unit, StartSubscription.model_validate(self.body))
            case "card":
                return lambda unit: set_payment_method(unit, SetPaymentMethod.model_validate(self.body))
            case "cancel_now" | "cancel_later":
                return lambda unit: cancel(unit, self._subscription, CancelSubscription.model_validate(self.body))

    @property
    def _subscription(self) -> str:
        """What the start that ``detail`` names makes."""
        start_id = command_id(SECRET, TENANT, self.detail)
        return IdSequence(SECRET, TENANT, customer_of(self.customer), start_id).new(SUBSCRIPTION)


def command_of(request: Request) -> Command:
    """The command as the API makes it, the same each time."""
    return Command(
        TENANT,
        customer_of(request.customer),
        command_id(SECRET, TENANT, request.key),
        request.handler,
        fingerprint=keyed_hash(SECRET, "fingerprint", "POST", request.path, canonical(request.body)),
        actor="client",
        name=request.kind,
    )


def shop() -> list[Command]:
    """What sets a shop up, in order: retries of failed charges after an hour and after a day more."""
    storefront = CreateStorefront(id=STOREFRONT, name="Web", retry_after_s=(3600, DAY_S))
    bundle = DefineBundle(id="gold", storefront=STOREFRONT, name="Gold")
    handlers: list[Callable[[Unit], Aggregate]] = [
        lambda unit: create_tenant(unit, CreateTenant(id=TENANT, name="Acme")),
        lambda unit: create_storefront(unit, storefront),
        lambda unit: define_bundle(unit, bundle),
    ]
    for price in PRICES.values():
        handlers.append(lambda unit, price=price: publish_price(unit, PublishPrice.model_validate(price)))  # type: ignore[misc]
    return [
        Command(TENANT, "", command_id(SECRET, TENANT, f"shop-{n}"), handler, actor="client")
        for n, handler in enumerate(handlers)
    ]


@cache
def customer_of(number: int) -> str:
    return customer_id(SECRET, TENANT, STOREFRONT, f"u-{number}", "")


def canonical(body: object) -> str:
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
