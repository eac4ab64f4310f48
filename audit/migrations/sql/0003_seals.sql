INSERT INTO audit_unsealed SELECT id, created_at FROM audit_logs;

-- SECURITY DEFINER: who may insert audit rows needs no privilege on the list, and so cannot shorten it.
CREATE FUNCTION remember_unsealed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    -- Its beginning only: asked once a row, and the text of a statement grows with its rows.
    IF left(current_query(), 64) ~* '^\s*copy\s' THEN
        RAISE EXCEPTION '% takes no COPY', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
    END IF;
    INSERT INTO audit_unsealed (entry_id, created_at) VALUES (NEW.id, NEW.created_at);
    RETURN NULL;
END
$$;
CREATE TRIGGER audit_logs_to_seal AFTER INSERT ON audit_logs FOR EACH ROW EXECUTE FUNCTION remember_unsealed();

CREATE TRIGGER audit_seals_insert_only BEFORE UPDATE OR DELETE ON audit_seals
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_segments_insert_only BEFORE UPDATE OR DELETE ON audit_segments
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_drops_insert_only BEFORE UPDATE OR DELETE ON audit_drops
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_verifications_insert_only BEFORE UPDATE OR DELETE ON audit_verifications
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- TRUNCATE is for retention alone, which says so in its session; partitions get the same trigger when they are made.
CREATE FUNCTION refuse_truncate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF coalesce(current_setting('ponte.retention', true), '') <> 'on' THEN
        RAISE EXCEPTION '% is insert-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END
$$;
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
        EXECUTE format('CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON %s EXECUTE FUNCTION refuse_truncate()', name);
        -- Also from the owner: an owner can take the privilege back, but not by mistake.
        EXECUTE format('REVOKE UPDATE, DELETE, TRUNCATE ON %s FROM PUBLIC, CURRENT_USER', name);
    END LOOP;
END
$$;
