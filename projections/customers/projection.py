"""Customer events → one row a customer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from domain.customer import events
from projections import ignored
from projections.change import Change, Envelope, Insert, Projection, Table, Update

CUSTOMERS = Projection(
    "customers",
    tables=(Table("customers", ("tenant", "id")),),
    ignores=ignored.CATALOG | ignored.API_KEY | ignored.SUBSCRIPTION | ignored.INVOICE | ignored.PAYMENT | ignored.USAGE,
)
_PERSONAL = ("name", "email", "phone", "address")


@CUSTOMERS.on(events.CustomerRegistered)
def _registered(event: events.CustomerRegistered, envelope: Envelope) -> Sequence[Change]:
    row = {
        "tenant": envelope.tenant,
        "id": envelope.stream,
        "storefront": event.storefront,
        "external_id": event.external_id,
        "timezone": event.timezone,
        "test_clock": event.clock,
        **_personal(envelope.personal),
        **_payment_method(event.payment_method),
        "billing_day": None,
        "billed_together": False,
        "created": event.timestamp,
        "version": envelope.version,
    }
    return (Insert("customers", row),)


@CUSTOMERS.on(events.CustomerChanged)
def _changed(event: events.CustomerChanged, envelope: Envelope) -> Sequence[Change]:
    return _update(envelope, {"timezone": event.timezone, **_personal(envelope.personal)})


@CUSTOMERS.on(events.CustomerPaymentMethodSet)
def _payment_method_set(event: events.CustomerPaymentMethodSet, envelope: Envelope) -> Sequence[Change]:
    return _update(envelope, _payment_method(event.payment_method))


@CUSTOMERS.on(events.CustomerBillingSet)
def _billing_set(event: events.CustomerBillingSet, envelope: Envelope) -> Sequence[Change]:
    return _update(envelope, {"billing_day": event.billing_day, "billed_together": event.together})


# The balance has the amounts.
@CUSTOMERS.on(events.CustomerCredited)
def _credited(_: events.CustomerCredited, envelope: Envelope) -> Sequence[Change]:
    return _update(envelope, {})


@CUSTOMERS.on(events.CustomerCreditApplied)
def _credit_applied(_: events.CustomerCreditApplied, envelope: Envelope) -> Sequence[Change]:
    return _update(envelope, {})


@CUSTOMERS.on(events.CustomerCreditRefunded)
def _credit_refunded(_: events.CustomerCreditRefunded, envelope: Envelope) -> Sequence[Change]:
    return _update(envelope, {})


def _update(envelope: Envelope, values: Mapping[str, Any]) -> Sequence[Change]:
    key = {"tenant": envelope.tenant, "id": envelope.stream}
    return (Update("customers", key, {**values, "version": envelope.version}),)


def _personal(personal: Mapping[str, str] | None) -> dict[str, str | None]:
    return {name: (personal or {}).get(name) for name in _PERSONAL}


def _payment_method(method: events.PaymentMethod | None) -> dict[str, str | None]:
    return {"payment_provider": method.provider if method else None, "payment_token": method.token if method else None}
