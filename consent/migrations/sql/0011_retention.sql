-- Chosen periods are written once: a run says by which it was planned. Retention alone removes them.
CREATE TRIGGER retention_periods_insert_only BEFORE UPDATE OR DELETE ON retention_periods
    FOR EACH ROW EXECUTE FUNCTION refuse_change_but_retention();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON retention_periods EXECUTE FUNCTION refuse_truncate();

-- What was approved stays as it was approved, and what was carried out stays told.
CREATE FUNCTION refuse_other_list() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state = 'done' OR (OLD.plan_hash, OLD.counts, OLD.periods, OLD.table_version) IS DISTINCT FROM
       (NEW.plan_hash, NEW.counts, NEW.periods, NEW.table_version) THEN
        RAISE EXCEPTION '% keeps what was approved', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER retention_runs_keep BEFORE UPDATE ON retention_runs
    FOR EACH ROW WHEN (OLD.state IN ('approved', 'running', 'done')) EXECUTE FUNCTION refuse_other_list();
