"""Timer: the next attempt of a payment is due."""

from __future__ import annotations

from commands.collecting import start_attempt
from commands.unit import Unit
from domain.invoice.aggregate import Invoice
from domain.payment.aggregate import Payment


def retry(unit: Unit, id: str) -> Payment:
    """Start the attempt; the provider is called after the commit."""
    payment = unit.get(Payment, id)
    start_attempt(unit, payment, unit.get(Invoice, payment.invoice))
    return payment
