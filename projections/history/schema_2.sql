-- Events as recorded, where schema.sql kept a masked copy: the feed shows each as the log holds it, provable by its hash.
DROP TABLE ledger.history;
CREATE TABLE ledger.history (
    tenant text NOT NULL,
    stream text NOT NULL,
    version bigint NOT NULL,
    type text NOT NULL,
    customer text,
    partition text NOT NULL,
    sequence bigint NOT NULL,
    recorded_at timestamptz NOT NULL,
    attributes text NOT NULL,  -- every attribute of the record, as one JSON object: names and values as they are hashed
    value text NOT NULL,  -- the record's value to the byte; no json type, which would be parsed for every row written
    PRIMARY KEY (tenant, stream, version)
);
-- The feed: each partition in its order. What it chooses by stands in the index, so that it reads no row that it leaves out.
CREATE INDEX history_feed ON ledger.history (tenant, partition, sequence) INCLUDE (type, recorded_at);
CREATE INDEX history_customer ON ledger.history (tenant, customer, sequence) WHERE customer IS NOT NULL;
SELECT ledger.isolate('history');
SELECT ledger.begin_anew();
