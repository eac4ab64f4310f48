DO $$
DECLARE
    name text;
BEGIN
    FOR name IN
        SELECT unnest(ARRAY['audit_logs', 'audit_seals', 'audit_segments', 'audit_drops', 'audit_verifications'])
        UNION ALL
        SELECT inhrelid::regclass::text FROM pg_inherits
        WHERE inhparent IN ('audit_logs'::regclass, 'audit_seals'::regclass)
    LOOP
        EXECUTE format('GRANT UPDATE, DELETE, TRUNCATE ON %s TO CURRENT_USER', name);
    END LOOP;
END
$$;
DROP FUNCTION refuse_truncate() CASCADE;
DROP TRIGGER audit_logs_to_seal ON audit_logs;
DROP FUNCTION remember_unsealed();
