"""A shop with somebody at the desk, who makes and corrects invoices by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel

from commands.catalog.change_storefront import ChangeStorefront, change_storefront
from commands.catalog.create_coupon import CreateCoupon, create_coupon
from commands.customer.set_billing import SetBilling, set_billing
from commands.invoice.correct import IssueCreditNote, VoidInvoice, WriteOffInvoice, credit_note, void, write_off
from commands.invoice.create import AddLines, CreateInvoice, add_lines, create
from commands.invoice.finalize import finalize_draft
from commands.payment.refund import RefundPayment, refund
from commands.subscription.cancel import CancelSubscription, cancel
from commands.subscription.change import ChangeSubscription, change
from commands.unit import Unit
from domain.customer.aggregate import Customer
from domain.invoice.aggregate import Invoice
from domain.payment.aggregate import Payment
from domain.subscription.aggregate import Subscription
from tests.unit.commands.shop import Shop
from tests.unit.commands.world import Provider, captures

Correct = Callable[[Unit, str, Any], Invoice]


class Desk(Shop):
    """Sells ``basic`` for 31.00 and ``plus`` for 62.00 a month to ``ada``. ``policy`` are fields of the storefront."""

    def __init__(self, provider: Provider = captures, now: str = "2026-01-01", **policy: Any) -> None:
        super().__init__(now, provider)
        self.price("basic", 3100)
        self.price("plus", 6200)
        self.ada = self.register()
        if policy:
            self.set_policy(**policy)

    def set_policy(self, **policy: Any) -> None:
        request = ChangeStorefront.model_validate(policy)
        self.client(lambda unit: change_storefront(unit, "web", request))

    def coupon(self, id: str, **body: Any) -> None:
        request = CreateCoupon.model_validate({"id": id, "name": id, **body})
        self.client(lambda unit: create_coupon(unit, request))

    def bill_together(self, day: int) -> None:
        body = SetBilling(billing_day=day, together=True)
        self.client(lambda unit: set_billing(unit, body), self.ada)

    def invoice(self, *amounts: int, draft: bool = False, currency: str = "EUR") -> Invoice:
        """One that is made by hand, with a line for each amount."""
        body = CreateInvoice.model_validate(
            {"customer": self.ada, "currency": currency, "lines": _lines(*amounts), "draft": draft}
        )
        made = self.client(lambda unit: create(unit, body), self.ada)
        return self.get(Invoice, made.id)

    def add(self, invoice: Invoice, *amounts: int) -> Invoice:
        return self._correct(add_lines, invoice, AddLines.model_validate({"lines": _lines(*amounts)}))

    def finalize(self, invoice: Invoice) -> Invoice:
        self.client(lambda unit: finalize_draft(unit, invoice.id), self.ada)
        return self.get(Invoice, invoice.id)

    def note(self, invoice: Invoice, **amounts: int) -> Invoice:
        """Give up an amount of a line: ``line_1=500``."""
        body = IssueCreditNote.model_validate({"lines": _credited(amounts), "reason": "Outage"})
        return self._correct(credit_note, invoice, body)

    def void(self, invoice: Invoice, *, rebill: bool = False) -> Invoice:
        return self._correct(void, invoice, VoidInvoice(reason="Wrong", rebill=rebill))

    def write_off(self, invoice: Invoice) -> Invoice:
        return self._correct(write_off, invoice, WriteOffInvoice(reason="Insolvent"))

    def _correct(self, command: Correct, invoice: Invoice, body: BaseModel) -> Invoice:
        self.client(lambda unit: command(unit, invoice.id, body), self.ada)
        return self.get(Invoice, invoice.id)

    def refund(self, payment: Payment, amount: int, **amounts: int) -> Payment:
        """Pay back an amount, for which lines are given up: ``line_1=500``."""
        body = RefundPayment.model_validate(
            {"amount": {"amount": amount, "currency": "EUR"}, "lines": _credited(amounts), "reason": "Outage"}
        )
        self.client(lambda unit: refund(unit, payment.id, body), self.ada)
        return self.get(Payment, payment.id)

    def end(self, subscription: Subscription, **body: Any) -> Subscription:
        request = CancelSubscription.model_validate(body)
        self.client(lambda unit: cancel(unit, subscription.id, request), self.ada, may_backdate=True)
        return self.get(Subscription, subscription.id)

    def change(self, subscription: Subscription, **body: Any) -> Subscription:
        request = ChangeSubscription.model_validate(body)
        self.client(lambda unit: change(unit, subscription.id, request), self.ada, may_backdate=True)
        return self.get(Subscription, subscription.id)

    @property
    def credit(self) -> int:
        """What ada's account has in EUR."""
        return self.get(Customer, self.ada).credit("EUR")

    def newest(self) -> Invoice:
        return self.invoices()[-1]


def _lines(*amounts: int) -> list[dict[str, Any]]:
    return [{"description": "Installation", "amount": amount} for amount in amounts]


def _credited(amounts: dict[str, int]) -> list[dict[str, int]]:
    return [{"line": int(name.removeprefix("line_")), "amount": amount} for name, amount in amounts.items()]
