"""Timer: a subscription was suspended for so long that nothing will come."""

from __future__ import annotations

from commands.billing import invoiced, issue, unbilled
from commands.collecting import after_settled, charge
from commands.unit import Unit
from domain.subscription.aggregate import Subscription


def give_up(unit: Unit, id: str) -> Subscription:
    """Cancel it and bill what is owed in arrears; write off all that it owes, where that is the policy."""
    subscription = unit.get(Subscription, id)
    assert subscription.gives_up_at is not None
    subscription.cancel(subscription.gives_up_at, unit.now)
    owed = unbilled(unit, subscription, unit.now)
    last = invoiced(unit, [(subscription, owed)], unit.now, unit.now) if owed else []
    if subscription.gives_up_by == "write_off":
        for invoice in (*unit.open_invoices(id), *unit.drafts(id)):
            # What others share is written off with the last of them: nobody's debt is forgiven that is still to pay.
            if not all(unit.get(Subscription, each).ended for each in invoice.subscriptions):
                continue
            if invoice.state == "draft":
                issue(unit, invoice)
            if not invoice.closed:
                invoice.write_off("dunning", unit.now)
            after_settled(unit, invoice, "invoice_closed")
    for invoice in last:
        charge(unit, invoice)
    return subscription
