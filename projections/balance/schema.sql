CREATE TABLE ledger.balances (
    tenant text NOT NULL,
    customer text NOT NULL,
    currency text NOT NULL,
    surplus bigint NOT NULL,
    PRIMARY KEY (tenant, customer, currency)
);
SELECT ledger.isolate('balances');
