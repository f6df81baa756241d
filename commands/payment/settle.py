"""The outcome of an attempt has come, or has not."""

from __future__ import annotations

from datetime import datetime
from typing import assert_never

from commands.collecting import after_failure, take_money
from commands.command import Command
from commands.ports import Captured, ChargeOutcome, Declined, Unknown
from commands.unit import Unit
from domain.errors import WrongState
from domain.invoice.aggregate import Invoice
from domain.payment.aggregate import Payment


def outcome_command(payment: Payment, outcome: ChargeOutcome, at: datetime) -> Command:
    """The command that notes what came of the running attempt; ``at`` is its business time for a customer on a test clock."""
    attempt, check = payment.attempts, payment.checks + 1
    return Command(
        tenant=payment.tenant,
        customer=payment.customer,
        id=f"outcome:{payment.id}/{attempt}/{check}",
        handler=lambda unit: settle(unit, payment.id, attempt, outcome),
        actor=payment.attempt.method.provider if payment.attempt and payment.attempt.method else "",
        at=at,
        name="settle_payment",
    )


def settle(unit: Unit, id: str, attempt: int, outcome: ChargeOutcome) -> Payment:
    """Note the outcome and all that follows; raises WrongState where the attempt has a final outcome already."""
    payment = unit.get(Payment, id)
    if payment.attempts != attempt or not payment.in_progress:
        raise WrongState("attempt_settled", f"Attempt {attempt} has its outcome.")
    match outcome:
        case Captured(reference, amount):
            invoice = unit.get(Invoice, payment.invoice)
            applied, surplus = invoice.split(amount)
            payment.capture(reference, amount, applied, surplus, unit.now)
            take_money(unit, invoice, payment, unit.now)
        case Declined(code, hard):
            payment.fail(code, unit.now, hard=hard)
            after_failure(unit, payment)
        case Unknown():
            payment.lose_track(unit.now)
        case _:
            assert_never(outcome)
    return payment
