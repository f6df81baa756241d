"""Whether the read models' books agree: of every invoice the lines with the total, and what is open with what settled it.

The aggregate asserts the same of itself when it decides. Here it is reckoned anew from the rows alone, so that a row that was
changed, lost or projected wrongly is found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg
from psycopg import IsolationLevel
from psycopg.rows import class_row

# Each row that disagrees, with what it says and what follows from the others. A draft is not yet owed, what is void never was.
_DISAGREEMENTS = """
WITH invoice AS (
    SELECT tenant, id, status, open, total,
        (SELECT coalesce(sum((line->>'amount')::bigint), 0) FROM jsonb_array_elements(lines) AS line) AS lines,
        (
            total - credit_applied + credited - written_off
            - (SELECT coalesce(sum(amount), 0) FROM ledger.invoice_payments AS p WHERE (p.tenant, p.invoice) = (i.tenant, i.id))
            - (
                SELECT coalesce(sum(amount - to_account), 0) FROM ledger.invoice_credit_notes AS n
                WHERE (n.tenant, n.invoice) = (i.tenant, i.id)
            )
        ) AS unsettled
    FROM ledger.invoices AS i
)
SELECT tenant, id, 'total' AS what, total AS found, lines AS reckoned FROM invoice WHERE total <> lines
UNION ALL
SELECT tenant, id, 'open', open, unsettled FROM invoice WHERE status NOT IN ('draft', 'void') AND open <> unsettled
UNION ALL
SELECT tenant, id, 'open', open, 0 FROM invoice WHERE status <> 'open' AND open <> 0
UNION ALL
SELECT tenant, id, 'open', open, 1 FROM invoice WHERE status = 'open' AND open < 1
UNION ALL
SELECT tenant, customer, 'credit', credit, 0 FROM ledger.balances WHERE credit < 0
ORDER BY 1, 2, 3
"""


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Amounts in minor units: ``what`` (total, open, or an account's credit) is ``found`` in the row of an invoice or customer,
    and ``reckoned`` from the others; where there is none to reckon it from, the nearest that it may be.
    """

    tenant: str
    id: str
    what: str
    found: int
    reckoned: int


@dataclass(frozen=True, slots=True)
class Books:
    """How many ``invoices`` were reckoned, and what disagrees."""

    invoices: int
    disagreements: Sequence[Disagreement]


def reconcile(dsn: str) -> Books:
    """Reckon all invoices of one moment; ``dsn`` is the projector role's, which sees every tenant's rows."""
    with psycopg.connect(dsn) as connection:
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        return reckoned(connection)


def reckoned(connection: psycopg.Connection) -> Books:
    """The books as a transaction sees them."""
    found = connection.execute("SELECT count(*) FROM ledger.invoices").fetchone()
    assert found is not None
    with connection.cursor(row_factory=class_row(Disagreement)) as cursor:
        return Books(found[0], cursor.execute(_DISAGREEMENTS).fetchall())
