-- An invoice may be for several subscriptions, or none, use what the account has, and give to it; it may be a draft first, and
-- be corrected.
SELECT ledger.begin_anew();
ALTER TABLE ledger.invoices ALTER COLUMN subscription DROP NOT NULL;
ALTER TABLE ledger.invoices ADD COLUMN subscriptions jsonb NOT NULL;
ALTER TABLE ledger.invoices ADD COLUMN credit_applied bigint NOT NULL;
ALTER TABLE ledger.invoices ADD COLUMN credited bigint NOT NULL;
ALTER TABLE ledger.invoices ADD COLUMN written_off bigint NOT NULL;
ALTER TABLE ledger.invoices ADD COLUMN created timestamptz NOT NULL;
ALTER TABLE ledger.invoices ADD COLUMN finalizes_at timestamptz;
ALTER TABLE ledger.invoices ALTER COLUMN number DROP NOT NULL;
ALTER TABLE ledger.invoices ALTER COLUMN issued_at DROP NOT NULL;
ALTER TABLE ledger.invoices ALTER COLUMN due_at DROP NOT NULL;
DROP INDEX ledger.invoices_tenant_issued_at_id_idx;
DROP INDEX ledger.invoices_tenant_customer_issued_at_idx;
CREATE INDEX ON ledger.invoices (tenant, created, id);
CREATE INDEX ON ledger.invoices (tenant, customer, created);

CREATE TABLE ledger.invoice_credit_notes (
    tenant text NOT NULL,
    invoice text NOT NULL,
    number text NOT NULL,
    lines jsonb NOT NULL,
    amount bigint NOT NULL,
    to_account bigint NOT NULL,
    reason text NOT NULL,
    issued_at timestamptz NOT NULL,
    invoice_version bigint NOT NULL,
    PRIMARY KEY (tenant, invoice, number)
);
SELECT ledger.isolate('invoice_credit_notes');
