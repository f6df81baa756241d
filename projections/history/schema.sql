CREATE TABLE ledger.history (
    tenant text NOT NULL,
    stream text NOT NULL,
    version bigint NOT NULL,
    type text NOT NULL,
    actor text,
    reason text,
    at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    partition text NOT NULL,
    sequence bigint NOT NULL,
    hash text NOT NULL,
    payload json NOT NULL,  -- not jsonb: kept as it was written, and cheaper to write
    PRIMARY KEY (tenant, stream, version)
);
SELECT ledger.isolate('history');
