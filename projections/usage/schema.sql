-- One row a record of usage.
CREATE TABLE ledger.usage_records (
    tenant text NOT NULL,
    usage text NOT NULL,
    customer text NOT NULL,
    subscription text NOT NULL,
    meter text NOT NULL,
    at timestamptz NOT NULL,
    quantity text,
    value text,
    source text NOT NULL,
    record text NOT NULL,
    created timestamptz NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant, usage, version)
);
CREATE INDEX ON ledger.usage_records (tenant, created, usage, version);
CREATE INDEX ON ledger.usage_records (tenant, subscription, created);
SELECT ledger.isolate('usage_records');
