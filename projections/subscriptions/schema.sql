CREATE TABLE ledger.subscriptions (
    tenant text NOT NULL,
    id text NOT NULL,
    customer text NOT NULL,
    storefront text NOT NULL,
    bundle text NOT NULL,
    price text NOT NULL,
    price_version integer NOT NULL,
    amount bigint NOT NULL,
    currency text NOT NULL,
    interval_unit text NOT NULL,
    interval_count integer NOT NULL,
    state text NOT NULL,
    timezone text NOT NULL,
    started_at timestamptz NOT NULL,
    trial_ends_at timestamptz,
    term_ends_at timestamptz,
    period_start timestamptz,
    period_end timestamptz,
    cancel_at timestamptz,
    ended_at timestamptz,
    access boolean NOT NULL,
    access_until timestamptz,
    created timestamptz NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX ON ledger.subscriptions (tenant, created, id);
CREATE INDEX ON ledger.subscriptions (tenant, customer);
SELECT ledger.isolate('subscriptions');
