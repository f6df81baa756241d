"""Commands on invoices: paying one."""

from __future__ import annotations

from pydantic import TypeAdapter

from commands.api_docs import answered
from commands.api_render import answer_headers
from commands.api_route import Call, Order, Outcome, command
from commands.invoice.pay import Charge, PayInvoice, RecordPayment, pay
from commands.ports import Answer, Ledger
from domain.errors import NotFound
from domain.ids import INVOICE, is_id
from domain.payment.aggregate import Payment
from infra.http import resources
from infra.http.problems import Problem

_BODY: TypeAdapter[Charge | RecordPayment] = TypeAdapter(PayInvoice)


@command(
    "/v1/invoices/{id}/payments",
    "Pay an invoice",
    tag="Invoices",
    body=_BODY,
    example={"kind": "charge"},
    returns=answered(resources.Payment),
    status=201,
    keyed=True,
    conditional=True,
    pending=True,
    problems=(402,),
    of="The invoice.",
)
def pay_invoice(call: Call[Charge | RecordPayment]) -> Order:
    """`charge` asks for the open amount once: 201 captured, 402 declined, 202 where no outcome came in time.
    `recorded` notes money paid elsewhere. A replay answers with the payment as it is then.
    """
    id = call.id
    if not is_id(id, INVOICE):
        raise NotFound("invoice", id)

    async def outcome(ledger: Ledger, answer: Answer) -> Outcome:
        payment, position = answer.target, answer.position
        assert isinstance(payment, Payment)
        if payment.in_progress:
            payment, position = await ledger.settled(payment, call.sender.wait_s)
        return _outcome(answer, payment, position)

    return Order(lambda unit: pay(unit, id, call.body), home=id, stream=id, outcome=outcome)


def _outcome(answer: Answer, payment: Payment, position: str) -> Outcome:
    if payment.state == "failed":
        raise Problem(
            402,
            "charge-declined",
            "The charge was declined",
            f"The provider said {payment.failure!r}.",
            headers=answer_headers(answer, payment, located=True, position=position),
            extensions={"payment": payment.id, "decline_code": payment.failure},
        )
    return Outcome(payment, 201 if payment.state in ("captured", "recorded") else 202, position)


ROUTES = (pay_invoice,)
