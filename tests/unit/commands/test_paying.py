"""Money that was paid elsewhere, history, dates in the past."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from domain.errors import Refusal
from tests.unit.commands.shop import AMOUNT, Shop
from tests.unit.commands.test_dunning import sold
from tests.unit.commands.world import at, declines, silent


def test_what_is_more_than_open_is_surplus() -> None:
    shop = sold(declines)
    payment = shop.record(shop.invoices()[0].id, AMOUNT + 250)
    assert (payment.state, payment.applied, payment.surplus) == ("recorded", AMOUNT, 250)
    (invoice,) = shop.invoices()
    assert (invoice.open, invoice.applied) == (0, ((payment.id, AMOUNT, shop.now),))


def test_an_invoice_is_paid_in_parts() -> None:
    shop = sold(declines)
    (invoice,) = shop.invoices()
    shop.record(invoice.id, 400)
    assert shop.invoices()[0].open == 600
    charged = shop.charge(invoice.id)
    assert charged.amount.amount == 600


def test_a_retry_asks_for_what_is_open_by_then() -> None:
    shop = sold(declines)
    shop.record(shop.invoices()[0].id, 400)
    shop.provider = silent
    shop.until(at("2026-01-02"))
    attempt = shop.payments()[0].attempt
    assert attempt is not None
    assert attempt.amount.amount == 600


@pytest.mark.parametrize(
    ("amount", "paid_at", "may_backdate", "code"),
    [
        (0, None, False, "nothing_paid"),
        (1, at("2026-01-02"), True, "date_in_future"),
        (1, at("2025-12-31"), False, "backdating_not_permitted"),
    ],
)
def test_what_cannot_be_recorded(amount: int, paid_at: datetime | None, may_backdate: bool, code: str) -> None:
    shop = sold(declines)
    with pytest.raises(Refusal, match=code):
        shop.record(shop.invoices()[0].id, amount, paid_at, may_backdate=may_backdate)


def test_a_payment_is_backdated_with_the_permission() -> None:
    shop = sold(declines)
    payment = shop.record(shop.invoices()[0].id, AMOUNT, at("2025-12-31"), may_backdate=True)
    assert payment.paid_at == at("2025-12-31")
    assert shop.invoices()[0].applied[0][2] == at("2025-12-31")


class TestHistory:
    """A subscriber who comes from another system."""

    @staticmethod
    def _imported(**terms: Any) -> Shop:
        shop = Shop(provider=declines)
        shop.price(**terms)
        shop.sell(shop.register(), start_at=at("2025-10-31"), history_until=at("2026-01-01"), may_backdate=True)
        return shop

    def test_every_period_that_begins_before_it_is_billed_and_settled_in_one_append(self) -> None:
        shop = self._imported()
        assert [invoice.issued_at for invoice in shop.invoices()] == [at("2025-10-31"), at("2025-11-30"), at("2025-12-31")]
        assert all(invoice.closed for invoice in shop.invoices())
        assert {payment.state for payment in shop.payments()} == {"recorded"}
        assert [payment.paid_at for payment in shop.payments()] == [invoice.issued_at for invoice in shop.invoices()]
        assert shop.streams.sequence == 1 + 1 + 4 * 3  # registered, started, and four events a period

    def test_it_goes_on_with_the_next_period(self) -> None:
        shop = self._imported()
        assert shop.until(at("2026-01-30")) == []
        assert shop.until(at("2026-01-31"))[:2] == ["subscription.billed", "invoice.issued"]

    def test_a_period_that_begins_at_its_end_is_charged_not_settled(self) -> None:
        shop = Shop()
        shop.price()
        shop.sell(shop.register(), start_at=at("2025-11-01"), history_until=at("2026-01-01"), may_backdate=True)
        assert [invoice.issued_at.month for invoice in shop.invoices() if invoice.issued_at] == [11, 12]
        shop.until(shop.now)
        assert [invoice.issued_at.month for invoice in shop.invoices() if invoice.issued_at] == [11, 12, 1]
        assert [payment.purpose for payment in shop.payments()] == ["recorded", "recorded", "automatic"]

    def test_a_trial_of_long_ago_is_over(self) -> None:
        shop = self._imported(trial_days=7)
        assert shop.subscription().state == "active"
        assert shop.invoices()[0].issued_at == at("2025-11-07")

    def test_a_trial_that_still_runs_has_no_history(self) -> None:
        shop = self._imported(trial_days=365)
        assert shop.subscription().state == "trial"
        assert shop.invoices() == []

    def test_periods_that_cost_nothing_need_no_payment(self) -> None:
        shop = self._imported(amount=0)
        assert len(shop.invoices()) == 3
        assert shop.payments() == []


def test_a_start_in_the_past_without_history_charges_every_period_begun() -> None:
    shop = Shop()
    shop.price()
    shop.sell(shop.register(), start_at=at("2025-11-15"), may_backdate=True)
    assert [invoice.lines[0].period_start.month for invoice in shop.invoices()] == [11, 12]
    assert all(invoice.issued_at == shop.now for invoice in shop.invoices())
    assert [payment.state for payment in shop.payments()] == ["captured", "captured"]
