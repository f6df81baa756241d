CREATE TABLE ledger.invoices (
    tenant text NOT NULL,
    id text NOT NULL,
    number text NOT NULL,
    customer text NOT NULL,
    subscription text NOT NULL,
    storefront text NOT NULL,
    status text NOT NULL,
    currency text NOT NULL,
    lines jsonb NOT NULL,
    total bigint NOT NULL,
    open bigint NOT NULL,
    issued_at timestamptz NOT NULL,
    due_at timestamptz NOT NULL,
    paid_at timestamptz,
    version bigint NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX ON ledger.invoices (tenant, issued_at, id);
CREATE INDEX ON ledger.invoices (tenant, customer, issued_at);
SELECT ledger.isolate('invoices');

CREATE TABLE ledger.invoice_payments (
    tenant text NOT NULL,
    invoice text NOT NULL,
    payment text NOT NULL,
    amount bigint NOT NULL,
    applied_at timestamptz NOT NULL,
    invoice_version bigint NOT NULL,
    PRIMARY KEY (tenant, invoice, payment)
);
SELECT ledger.isolate('invoice_payments');
