"""The books are reckoned from the rows: they agree after the whole story, and whatever row is damaged is named."""

from __future__ import annotations

import psycopg

from infra.eventlog.sqlite import SqliteLog
from infra.postgres.books import reckoned, reconcile
from infra.postgres.projector import project_to_end
from infra.postgres.roles import projector_dsn
from tests.read_models.story import FakeVault

# What is done to the rows, and what does not agree then.
DAMAGES = {
    "UPDATE ledger.invoices SET open = open + 1 WHERE status = 'open'": "open",
    "UPDATE ledger.invoices SET open = 1 WHERE status = 'draft'": "open",
    "UPDATE ledger.invoices SET open = 1 WHERE status = 'void'": "open",
    "UPDATE ledger.invoices SET status = 'open' WHERE status = 'paid'": "open",
    "UPDATE ledger.invoices SET total = total + 1": "total",
    "UPDATE ledger.invoices SET lines = lines - 0 WHERE total <> 0": "total",
    "UPDATE ledger.invoices SET written_off = 0 WHERE status = 'uncollectible'": "open",
    "UPDATE ledger.invoices SET credit_applied = 0 WHERE credit_applied > 0": "open",
    "UPDATE ledger.invoices SET credited = 0 WHERE credited > 0": "open",
    "DELETE FROM ledger.invoice_payments": "open",
    "UPDATE ledger.invoice_credit_notes SET amount = amount - 1": "open",
    "UPDATE ledger.balances SET credit = -1": "credit",
}


def test_the_books_agree_and_whatever_is_damaged_is_found(told: SqliteLog, admin_dsn: str) -> None:
    # given invoices in every state: paid, partly paid, with credit notes and account credit, drafts, written off, void
    dsn = projector_dsn(admin_dsn)
    project_to_end(told, dsn, FakeVault())
    books = reconcile(dsn)
    assert books.disagreements == []
    with psycopg.connect(admin_dsn) as connection:
        found = connection.execute("SELECT status, count(*) FROM ledger.invoices GROUP BY 1").fetchall()
        assert {status for status, _ in found} == {"draft", "open", "paid", "uncollectible", "void"}
        assert books.invoices == sum(count for _, count in found)
        # when a row is not what it should be, then it is named
        for damage, what in DAMAGES.items():
            with connection.transaction(force_rollback=True):
                damaged = connection.execute(damage).rowcount
                named = [each for each in reckoned(connection).disagreements if each.what == what]
                assert 0 < damaged == len(named), damage
