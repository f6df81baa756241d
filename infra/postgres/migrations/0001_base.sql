-- What every read model's schema stands on: tenant isolation, positions and quarantine.

-- Called for each table of a read model in the migration that makes it, so that no table ever stands without its policies.
-- Forced: the owner is bound as well, and has no policy, so it sees no row at all.
CREATE FUNCTION ledger.isolate(name text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE ledger.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY projector ON ledger.%I TO subledger_projector USING (true) WITH CHECK (true)', name);
    EXECUTE format(
        'CREATE POLICY tenant ON ledger.%I FOR SELECT TO subledger_query USING (tenant = current_setting(''subledger.tenant'', true))',
        name
    );
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, TRUNCATE ON ledger.%I TO subledger_projector', name);
    EXECUTE format('GRANT SELECT ON ledger.%I TO subledger_query', name);
END
$$;

-- The projector's reader state, whole, committed with the rows that follow from it. Holds no tenant's data.
CREATE TABLE ledger.positions (
    partition text PRIMARY KEY,
    identity text NOT NULL,
    sequence bigint NOT NULL,
    state text NOT NULL
) WITH (fillfactor = 50);
GRANT SELECT, INSERT, UPDATE, TRUNCATE ON ledger.positions TO subledger_projector;
GRANT SELECT ON ledger.positions TO subledger_query;

-- When the projector last found nothing more to read.
CREATE TABLE ledger.heartbeat (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    caught_up_at timestamptz NOT NULL
);
GRANT SELECT, INSERT, UPDATE, TRUNCATE ON ledger.heartbeat TO subledger_projector;
GRANT SELECT ON ledger.heartbeat TO subledger_query;

-- Records that do not count under the readers' rule.
CREATE TABLE ledger.quarantine (
    partition text NOT NULL,
    "offset" bigint NOT NULL,
    record text NOT NULL,
    kind text NOT NULL,
    reason text NOT NULL,
    PRIMARY KEY (partition, "offset")
);
GRANT SELECT, INSERT, TRUNCATE ON ledger.quarantine TO subledger_projector;
