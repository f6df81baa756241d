"""Make an invoice of a draft: asked for, or by its timer."""

from __future__ import annotations

from commands.billing import finalize
from commands.unit import Unit
from domain.invoice.aggregate import Invoice


def finalize_draft(unit: Unit, id: str) -> Invoice:
    """The invoice, issued, and charged when it falls due; raises WrongState where it is no draft."""
    invoice = unit.get(Invoice, id)
    finalize(unit, invoice)
    return invoice
