-- A quantity, what is sold beside the base, when that will change, what is taken off, and what rests.
SELECT ledger.begin_anew();
ALTER TABLE ledger.subscriptions ADD COLUMN quantity text NOT NULL;
ALTER TABLE ledger.subscriptions ADD COLUMN add_ons jsonb NOT NULL;
ALTER TABLE ledger.subscriptions
    ADD COLUMN change_at timestamptz, ADD COLUMN pause jsonb, ADD COLUMN transfer jsonb, ADD COLUMN transferred_from text,
    ADD COLUMN gives_up_at timestamptz;
CREATE TABLE ledger.subscription_discounts (
    tenant text NOT NULL,
    subscription text NOT NULL,
    coupon text NOT NULL,
    name text NOT NULL,
    percent text,
    amount bigint,
    currency text,
    item text,
    periods integer,
    since timestamptz NOT NULL,
    until timestamptz,
    place bigint NOT NULL,  -- in the order in which they were given
    PRIMARY KEY (tenant, subscription, coupon)
);
SELECT ledger.isolate('subscription_discounts');
