"""The receivable decides what is still owed; it is paid when its open amount is 0."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Self

from domain.event import Aggregate
from domain.invoice import events
from domain.invoice.events import Line


class Invoice(Aggregate):
    """Amounts in minor units of ``currency``; ``applied`` lists (payment, amount, applied at) in order. Always: open + Σ
    applied = total.
    """

    TOPIC = "invoice"
    if TYPE_CHECKING:
        tenant: str
        customer: str
        subscription: str
        storefront: str
        ordinal: int
        number: str
        currency: str
        lines: tuple[Line, ...]
        total: int
        open: int
        issued_at: datetime
        due_at: datetime
        applied: tuple[tuple[str, int, datetime], ...]

    @classmethod
    def issue(
        cls,
        id: str,
        *,
        tenant: str,
        customer: str,
        subscription: str,
        storefront: str,
        ordinal: int,
        currency: str,
        lines: tuple[Line, ...],
        issued_at: datetime,
        now: datetime,
    ) -> Self:
        """Owe the sum of the lines, due at once; a total of 0 is settled at issue."""
        total = sum(line.amount for line in lines)
        return cls._create(
            events.InvoiceIssued,
            id=id,
            timestamp=now,
            tenant=tenant,
            customer=customer,
            subscription=subscription,
            storefront=storefront,
            ordinal=ordinal,
            number=f"{customer[4:16].upper()}-{ordinal:04d}",
            currency=currency,
            lines=lines,
            total=total,
            open=total,
            settled=total == 0,
            issued_at=issued_at,
            due_at=issued_at,
        )

    @property
    def paid(self) -> bool:
        return self.open == 0

    def split(self, amount: int) -> tuple[int, int]:
        """How much of an amount this invoice takes, and how much is surplus."""
        applied = min(amount, self.open)
        return applied, amount - applied

    def apply_payment(self, payment: str, amount: int, applied_at: datetime, now: datetime) -> None:
        """Take ``amount``, which is not more than what is open."""
        assert 0 < amount <= self.open, (amount, self.open)
        remains = self.open - amount
        self.trigger_event(
            events.InvoicePaymentApplied,
            timestamp=now,
            payment=payment,
            amount=amount,
            open=remains,
            settled=remains == 0,
            applied_at=applied_at,
        )
        assert self.open + sum(taken for _, taken, _ in self.applied) == self.total
