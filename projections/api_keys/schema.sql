CREATE TABLE ledger.api_keys (
    tenant text NOT NULL,
    id text NOT NULL,
    name text NOT NULL,
    permissions jsonb NOT NULL,
    secret_hash text NOT NULL,
    revoked_at timestamptz,
    created timestamptz NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX ON ledger.api_keys (tenant, secret_hash);
SELECT ledger.isolate('api_keys');
