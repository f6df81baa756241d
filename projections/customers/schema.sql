CREATE TABLE ledger.customers (
    tenant text NOT NULL,
    id text NOT NULL,
    storefront text NOT NULL,
    external_id text,
    timezone text NOT NULL,
    test_clock text,
    name text,
    email text,
    phone text,
    address text,
    payment_provider text,
    payment_token text,
    created timestamptz NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX ON ledger.customers (tenant, created, id);
CREATE INDEX ON ledger.customers (tenant, external_id) WHERE external_id IS NOT NULL;
SELECT ledger.isolate('customers');
