-- Acts about consent are never changed; removal is for retention alone, which says so in its session (lgpd 4).
DROP TRIGGER consent_records_insert_only ON consent_records;
CREATE TRIGGER consent_records_insert_only BEFORE UPDATE ON consent_records
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER consent_events_insert_only BEFORE UPDATE ON consent_events
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER consent_records_stay AFTER DELETE ON consent_records
    FOR EACH ROW EXECUTE FUNCTION refuse_truncate();
CREATE TRIGGER consent_events_stay AFTER DELETE ON consent_events
    FOR EACH ROW EXECUTE FUNCTION refuse_truncate();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON consent_records EXECUTE FUNCTION refuse_truncate();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON consent_events EXECUTE FUNCTION refuse_truncate();
