CREATE TABLE ledger.payments (
    tenant text NOT NULL,
    id text NOT NULL,
    invoice text NOT NULL,
    customer text NOT NULL,
    subscription text NOT NULL,
    storefront text NOT NULL,
    purpose text NOT NULL,
    state text NOT NULL,
    amount bigint NOT NULL,
    currency text NOT NULL,
    applied bigint NOT NULL,
    surplus bigint NOT NULL,
    retry_at timestamptz,
    paid_at timestamptz,
    reference text,
    created timestamptz NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX ON ledger.payments (tenant, created, id);
CREATE INDEX ON ledger.payments (tenant, customer, created);
CREATE INDEX ON ledger.payments (tenant, invoice);
SELECT ledger.isolate('payments');

CREATE TABLE ledger.payment_attempts (
    tenant text NOT NULL,
    payment text NOT NULL,
    attempt integer NOT NULL,
    state text NOT NULL,
    started_at timestamptz NOT NULL,
    settled_at timestamptz,
    provider text,
    provider_reference text,
    code text,
    PRIMARY KEY (tenant, payment, attempt)
);
SELECT ledger.isolate('payment_attempts');
