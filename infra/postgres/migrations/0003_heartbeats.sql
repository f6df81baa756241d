-- Projectors share the partitions: each notes for its own when it last found nothing more to read.
DROP TABLE ledger.heartbeat;
CREATE TABLE ledger.heartbeat (
    partition text PRIMARY KEY,
    caught_up_at timestamptz NOT NULL
);
GRANT SELECT, INSERT, UPDATE, TRUNCATE ON ledger.heartbeat TO subledger_projector;
GRANT SELECT ON ledger.heartbeat TO subledger_query;
