"""Routes of invoices: paying one."""

from __future__ import annotations

from fastapi import FastAPI, Request
from pydantic import TypeAdapter
from starlette.responses import Response

from commands.api_desk import Desk, answer_headers
from commands.api_docs import answered, operation, path_id
from commands.invoice.pay import Charge, PayInvoice, RecordPayment, pay
from commands.ports import Answer
from domain.errors import NotFound
from domain.ids import INVOICE, is_id
from domain.payment.aggregate import Payment
from infra.http import resources
from infra.http.etags import etag
from infra.http.problems import Problem

_PAY: TypeAdapter[Charge | RecordPayment] = TypeAdapter(PayInvoice)


def routes(app: FastAPI, desk: Desk) -> None:
    """Charge, or record what was paid elsewhere."""

    @app.post(
        "/v1/invoices/{id}/payments",
        tags=["Invoices"],
        **operation(
            "Pay an invoice",
            body=_PAY,
            example={"kind": "charge"},
            returns=answered(resources.Payment),
            status=201,
            keyed=True,
            conditional=True,
            pending=True,
            problems=(402,),
            path=path_id("The invoice."),
        ),
    )
    async def pay_invoice(request: Request) -> Response:
        """`charge` asks for the open amount once: 201 captured, 402 declined, 202 where no outcome came in time.
        `recorded` notes money paid elsewhere. A replay answers with the payment as it is then.
        """
        call = await desk.call(request, _PAY, keyed=True)
        id: str = request.path_params["id"]
        if not is_id(id, INVOICE):
            raise NotFound("invoice", id)
        customer = await desk.ledger.customer_of(call.tenant, id)
        answer = await desk.submit(call, lambda unit: pay(unit, id, call.body), customer=customer, stream=id)
        payment, position = answer.target, answer.position
        assert isinstance(payment, Payment)
        if payment.in_progress:
            payment, position = await desk.ledger.settled(payment, call.wait_s)
        return _outcome(desk, answer, payment, position)


def _outcome(desk: Desk, answer: Answer, payment: Payment, position: str) -> Response:
    location = f"/v1/payments/{payment.id}"
    if payment.state == "failed":
        raise Problem(
            402,
            "charge-declined",
            "The charge was declined",
            f"The provider said {payment.failure!r}.",
            headers={**answer_headers(answer, position, location), "ETag": etag(payment.version)},
            extensions={"payment": payment.id, "decline_code": payment.failure},
        )
    status = 201 if payment.state in ("captured", "recorded") else 202
    return desk.answer(answer, status=status, location=location, resource=payment, position=position)
