"""Customer events → one row a customer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from domain.customer import events
from projections import ignored
from projections.change import Change, Envelope, Insert, Projection, Table, Update

CUSTOMERS = Projection(
    "customers",
    tables=(Table("customers", ("tenant", "id")),),
    ignores=ignored.CATALOG | ignored.API_KEY | ignored.SUBSCRIPTION | ignored.INVOICE | ignored.PAYMENT,
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


def _update(envelope: Envelope, values: Mapping[str, str | None]) -> Sequence[Change]:
    key = {"tenant": envelope.tenant, "id": envelope.stream}
    return (Update("customers", key, {**values, "version": envelope.version}),)


def _personal(personal: Mapping[str, str] | None) -> dict[str, str | None]:
    return {name: (personal or {}).get(name) for name in _PERSONAL}


def _payment_method(method: events.PaymentMethod | None) -> dict[str, str | None]:
    return {"payment_provider": method.provider if method else None, "payment_token": method.token if method else None}
