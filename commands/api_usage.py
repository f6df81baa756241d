"""Commands on usage."""

from __future__ import annotations

from pydantic import TypeAdapter

from commands.api_docs import answered
from commands.api_route import Call, Order, command, named
from commands.usage.record import RecordUsage, record_usage
from domain.ids import SUBSCRIPTION
from infra.http import resources


@command(
    "/v1/usage",
    "Record usage",
    tag="Usage",
    body=TypeAdapter(RecordUsage),
    example={
        "subscription": "sub_0123456789abcdef0123456789ab",
        "meter": "api-calls",
        "quantity": "12",
        "source": "gateway-7",
        "id": "2026-01-12/4711",
    },
    returns=answered(resources.Usage),
    status=201,
)
def record_usage_(call: Call[RecordUsage]) -> Order:
    """The same `source` and `id` count once for a customer, whatever the Idempotency-Key. Usage of a period that was billed
    already is on the next invoice, as the difference that it makes to that period.
    """
    body = call.body
    home = named(body.subscription, SUBSCRIPTION, "/subscription")
    once = f"{len(body.source)}:{body.source}{body.id}"
    return Order(lambda unit: record_usage(unit, body), home=home, pointer="/subscription", once=once)


ROUTES = (record_usage_,)
