CREATE TABLE ledger.tenants (
    tenant text NOT NULL,
    id text NOT NULL,
    name text NOT NULL,
    created timestamptz NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant, id)
);
SELECT ledger.isolate('tenants');

CREATE TABLE ledger.storefronts (
    tenant text NOT NULL,
    id text NOT NULL,
    name text NOT NULL,
    timezone text NOT NULL,
    payment_provider text NOT NULL,
    retry_after_s jsonb NOT NULL,
    created timestamptz NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant, id)
);
SELECT ledger.isolate('storefronts');

CREATE TABLE ledger.entitlements (
    tenant text NOT NULL,
    id text NOT NULL,
    kind text NOT NULL,
    name text NOT NULL,
    created timestamptz NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant, id)
);
SELECT ledger.isolate('entitlements');

CREATE TABLE ledger.bundles (
    tenant text NOT NULL,
    id text NOT NULL,
    storefront text NOT NULL,
    name text NOT NULL,
    grants jsonb NOT NULL,
    created timestamptz NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant, id)
);
SELECT ledger.isolate('bundles');

CREATE TABLE ledger.prices (
    tenant text NOT NULL,
    id text NOT NULL,
    price_version integer NOT NULL,
    storefront text NOT NULL,
    bundle text NOT NULL,
    amount bigint NOT NULL,
    currency text NOT NULL,
    interval_unit text NOT NULL,
    interval_count integer NOT NULL,
    trial_days integer NOT NULL,
    term_periods integer,
    created timestamptz NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant, id, price_version)
);
SELECT ledger.isolate('prices');

CREATE TABLE ledger.test_clocks (
    tenant text NOT NULL,
    id text NOT NULL,
    name text NOT NULL,
    now timestamptz NOT NULL,
    created timestamptz NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant, id)
);
SELECT ledger.isolate('test_clocks');
