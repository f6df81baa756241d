"""Events in, months out; what the rows say is owed is what the invoices say."""

from __future__ import annotations

from collections import Counter

from commands.invoice.correct import IssueCreditNote, VoidInvoice, WriteOffInvoice, credit_note, void, write_off
from commands.subscription.cancel import CancelSubscription, cancel
from commands.subscription.change import ChangeSubscription, change
from domain.invoice.events import CreditedLine
from infra.simulate.months import Flows, Month, Months
from tests.unit.commands.shop import Shop
from tests.unit.commands.world import at


class Watched(Shop):
    """A shop that sells for 10.00 a month and 100.00 a year, and counts its months."""

    def __init__(self) -> None:
        super().__init__("2026-01-01", retry_after_s=())
        self.price()
        self.price("yearly", 10_000, unit="year")
        self._months = Months()
        self._counted = 0

    def close(self, begins: str) -> list[Month]:
        """The month that is over; its rows balance with the invoices."""
        for event in self.said[self._counted :]:
            self._months.apply(event)
        self._counted = len(self.said)
        rows = self._months.close(at(begins))
        owed = Counter[str]()
        for invoice in self.invoices():
            owed[invoice.currency] += invoice.open
        assert {row.currency: row.open for row in rows} == dict(owed)
        return rows


def test_a_month_counts_what_was_sold_billed_and_paid() -> None:
    # given one who pays, one who cannot and one who has left, and one who pays in dollars
    shop = Watched()
    shop.price("usd", 700, currency="USD")
    shop.sell(shop.register("ada"))
    shop.sell(shop.register("bob", None), key="bob")
    left = shop.sell(shop.register("eve"), key="eve")
    shop.client(lambda unit: cancel(unit, left.id, CancelSubscription(at="now")), left.customer)
    shop.sell(shop.register("joe"), "usd", key="joe")
    # when two months pass
    january = shop.close("2026-01-01")
    shop.until(at("2026-02-02"))
    february = shop.close("2026-02-01")
    # then
    assert january == [
        Month(at("2026-01-01"), "EUR", {"active": 1, "suspended": 1}, 1, Flows(invoiced=3000, collected=2000), 1000),
        Month(at("2026-01-01"), "USD", {"active": 1}, 0, Flows(invoiced=700, collected=700), 0),
    ]
    assert february == [
        Month(at("2026-02-01"), "EUR", {"active": 1, "suspended": 1}, 0, Flows(invoiced=1000, collected=1000), 1000),
        Month(at("2026-02-01"), "USD", {"active": 1}, 0, Flows(invoiced=700, collected=700), 0),
    ]


def test_what_is_given_up_or_credited_is_not_open() -> None:
    # given three invoices that nobody paid
    shop = Watched()
    for name in ("ada", "bob", "eve"):
        shop.sell(shop.register(name, None), key=name)
    noted, wrong, lost = shop.invoices()
    assert shop.close("2026-01-01")[0].flows == Flows(invoiced=3000)
    # when one is given up by half, one was wrong, and one is written off
    note = IssueCreditNote(lines=(CreditedLine(line=1, amount=500),), reason="outage")
    shop.client(lambda unit: credit_note(unit, noted.id, note), noted.customer)
    shop.client(lambda unit: void(unit, wrong.id, VoidInvoice(reason="typo")), wrong.customer)
    shop.client(lambda unit: write_off(unit, lost.id, WriteOffInvoice(reason="lost")), lost.customer)
    # then
    (month,) = shop.close("2026-02-01")
    assert month.flows == Flows(invoiced=-1000, credited=500, written_off=1000)
    assert month.open == 500


def test_what_a_change_gives_back_settles_later_invoices() -> None:
    # given a year that was paid for
    shop = Watched()
    ada = shop.register("ada")
    subscription = shop.sell(ada, "yearly")
    assert shop.close("2026-01-01")[0].flows == Flows(invoiced=10_000, collected=10_000)
    # when it is changed to a month's price that same day, and two months pass
    request = ChangeSubscription(price="gold-monthly")
    shop.client(lambda unit: change(unit, subscription.id, request), ada)
    shop.until(at("2026-03-02"))
    # then the invoice that gives back is none that is owed, and what it gave pays the later ones
    (month,) = shop.close("2026-02-01")
    assert month.flows == Flows(invoiced=2000, credited=2000)
