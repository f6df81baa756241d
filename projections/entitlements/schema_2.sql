-- What a subscription was sold with may be changed: each agreement has grants of its own, and one agreement holds.
SELECT ledger.begin_anew();
DROP TABLE ledger.granted_entitlements;
CREATE TABLE ledger.granted_entitlements (
    tenant text NOT NULL,
    customer text NOT NULL,
    subscription text NOT NULL,
    agreement bigint NOT NULL,  -- the version of the event that made it
    entitlement text NOT NULL,
    kind text NOT NULL,
    value jsonb NOT NULL,
    bundle text NOT NULL,
    PRIMARY KEY (tenant, customer, entitlement, subscription, agreement)
);
SELECT ledger.isolate('granted_entitlements');
ALTER TABLE ledger.subscription_access ADD COLUMN agreement bigint NOT NULL;
