-- For a migration whose rows only the log can give: empties every read model and the projector's positions, so that the projector,
-- which migrates before it follows, builds them from the log's start. The heartbeat stays: answers say since when they are stale.
CREATE FUNCTION ledger.begin_anew() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'ledger' AND tablename NOT IN ('migrations', 'heartbeat') LOOP
        EXECUTE format('TRUNCATE ledger.%I', name);
    END LOOP;
END
$$;
