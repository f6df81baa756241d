-- What a subscription was sold with never changes; the access that all its grants share does. So each is a row of its own.
CREATE TABLE ledger.granted_entitlements (
    tenant text NOT NULL,
    customer text NOT NULL,
    subscription text NOT NULL,
    entitlement text NOT NULL,
    kind text NOT NULL,
    value jsonb NOT NULL,
    bundle text NOT NULL,
    PRIMARY KEY (tenant, customer, entitlement, subscription)
);
SELECT ledger.isolate('granted_entitlements');

CREATE TABLE ledger.subscription_access (
    tenant text NOT NULL,
    subscription text NOT NULL,
    starts_at timestamptz NOT NULL,
    access boolean NOT NULL,
    access_until timestamptz,
    ended boolean NOT NULL,
    PRIMARY KEY (tenant, subscription)
);
SELECT ledger.isolate('subscription_access');
