"""Commands on invoices: made by hand, paid, corrected."""

from __future__ import annotations

from pydantic import TypeAdapter

from commands.api_docs import answered
from commands.api_render import answer_headers
from commands.api_route import Call, Nothing, Order, Outcome, command, named, on
from commands.invoice.correct import (
    IssueCreditNote,
    VoidInvoice,
    WriteOffInvoice,
    credit_note,
    void,
    write_off,
)
from commands.invoice.create import AddLines, CreateInvoice, add_lines, create
from commands.invoice.finalize import finalize_draft
from commands.invoice.pay import ChargeInvoice, PayInvoice, RecordPayment, pay
from commands.payment.refund import RefundPayment, refund
from commands.ports import Answer, Ledger
from domain.ids import CUSTOMER, INVOICE, PAYMENT
from domain.payment.aggregate import Payment
from infra.http import resources
from infra.http.problems import Problem

_BODY: TypeAdapter[ChargeInvoice | RecordPayment] = TypeAdapter(PayInvoice)


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
def pay_invoice(call: Call[ChargeInvoice | RecordPayment]) -> Order:
    """`charge` asks for the open amount once: 201 captured, 402 declined, 202 where no outcome came in time.
    `recorded` notes money paid elsewhere. A replay answers with the payment as it is then.
    """
    id = named(call.id, INVOICE)

    async def outcome(ledger: Ledger, answer: Answer) -> Outcome:
        payment, position = answer.target, answer.position
        assert isinstance(payment, Payment)
        if payment.in_progress:
            payment, position = await ledger.settled(payment, call.sender.wait_s)
        return _outcome(answer, payment, position)

    return Order(lambda unit: pay(unit, id, call.body), home=id, stream=id, outcome=outcome)


@command(
    "/v1/invoices",
    "Invoice one-off charges",
    tag="Invoices",
    body=TypeAdapter(CreateInvoice),
    example={
        "customer": "cus_0123456789abcdef0123456789ab",
        "currency": "EUR",
        "lines": [{"description": "Installation", "amount": 4900}],
    },
    returns=answered(resources.Invoice),
    status=201,
    keyed=True,
)
def create_invoice(call: Call[CreateInvoice]) -> Order:
    """Charged when it falls due. A `draft` may get more lines, and is owed once it is finalized."""
    body = call.body
    return Order(lambda unit: create(unit, body), home=named(body.customer, CUSTOMER, "/customer"))


@command(
    "/v1/invoices/{id}/lines",
    "Add lines to a draft",
    tag="Invoices",
    body=TypeAdapter(AddLines),
    example={"lines": [{"description": "Cable", "amount": 900}]},
    returns=answered(resources.Invoice),
    keyed=True,
    conditional=True,
    of="The invoice.",
)
def add_invoice_lines(call: Call[AddLines]) -> Order:
    """What was issued is never edited: a credit note corrects it."""
    return on(INVOICE, call, lambda unit, id: add_lines(unit, id, call.body))


@command(
    "/v1/invoices/{id}/finalize",
    "Finalize a draft",
    tag="Invoices",
    body=TypeAdapter(Nothing),
    example={},
    returns=answered(resources.Invoice),
    keyed=True,
    conditional=True,
    of="The invoice.",
)
def finalize_invoice(call: Call[Nothing]) -> Order:
    """It gets its number, uses the account's credit, is owed, and is charged when it falls due."""
    return on(INVOICE, call, finalize_draft)


@command(
    "/v1/invoices/{id}/credit-notes",
    "Issue a credit note",
    tag="Invoices",
    body=TypeAdapter(IssueCreditNote),
    example={"lines": [{"line": 1, "amount": 500}], "reason": "Outage of 3 May"},
    returns=answered(resources.Invoice),
    status=201,
    keyed=True,
    conditional=True,
    of="The invoice.",
)
def issue_credit_note(call: Call[IssueCreditNote]) -> Order:
    """Gives up parts of lines, counted from 1: of what is open first; what was paid already goes to the account."""
    return on(INVOICE, call, lambda unit, id: credit_note(unit, id, call.body))


@command(
    "/v1/invoices/{id}/void",
    "Void an invoice",
    tag="Invoices",
    body=TypeAdapter(VoidInvoice),
    example={"reason": "Wrong price", "rebill": True},
    returns=answered(resources.Invoice),
    keyed=True,
    must_match=True,
    of="The invoice.",
)
def void_invoice(call: Call[VoidInvoice]) -> Order:
    """It was wrong, and is not owed. With `rebill` its subscriptions are billed anew at once, by what holds now. Not where
    something was paid: issue a credit note then.
    """
    return on(INVOICE, call, lambda unit, id: void(unit, id, call.body))


@command(
    "/v1/invoices/{id}/write-off",
    "Write an invoice off",
    tag="Invoices",
    body=TypeAdapter(WriteOffInvoice),
    example={"reason": "Insolvent"},
    returns=answered(resources.Invoice),
    keyed=True,
    conditional=True,
    of="The invoice.",
)
def write_off_invoice(call: Call[WriteOffInvoice]) -> Order:
    """What is open will never be paid; no retry is made any more."""
    return on(INVOICE, call, lambda unit, id: write_off(unit, id, call.body))


@command(
    "/v1/payments/{id}/refunds",
    "Refund a payment",
    tag="Payments",
    body=TypeAdapter(RefundPayment),
    example={"amount": {"amount": 500, "currency": "EUR"}, "lines": [{"line": 1, "amount": 500}], "reason": "Outage of 3 May"},
    returns=answered(resources.Payment),
    status=201,
    keyed=True,
    must_match=True,
    of="The payment.",
)
def refund_payment(call: Call[RefundPayment]) -> Order:
    """Notes what was paid back elsewhere, out of the account's credit; the `lines` are given up for it by a credit note."""
    return on(PAYMENT, call, lambda unit, id: refund(unit, id, call.body))


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


ROUTES = (
    create_invoice,
    add_invoice_lines,
    finalize_invoice,
    pay_invoice,
    issue_credit_note,
    void_invoice,
    write_off_invoice,
    refund_payment,
)
