-- What a price is made of, the policies of a storefront, coupons and meters.
SELECT ledger.begin_anew();
ALTER TABLE ledger.storefronts ADD COLUMN billing jsonb NOT NULL, ADD COLUMN dunning jsonb NOT NULL;
ALTER TABLE ledger.prices
    ADD COLUMN trial_fee bigint NOT NULL, ADD COLUMN charges jsonb NOT NULL, ADD COLUMN phases jsonb NOT NULL,
    ADD COLUMN channel text, ADD COLUMN effective_from timestamptz;
CREATE TABLE ledger.coupons (
    tenant text NOT NULL,
    id text NOT NULL,
    name text NOT NULL,
    percent text,
    amount bigint,
    currency text,
    periods integer,
    prices jsonb NOT NULL,
    redeem_by timestamptz,
    created timestamptz NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant, id)
);
SELECT ledger.isolate('coupons');
CREATE TABLE ledger.meters (
    tenant text NOT NULL,
    id text NOT NULL,
    name text NOT NULL,
    aggregation text NOT NULL,
    created timestamptz NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant, id)
);
SELECT ledger.isolate('meters');
