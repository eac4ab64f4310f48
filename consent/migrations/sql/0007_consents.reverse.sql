DROP TRIGGER refuse_truncate ON consent_events;
DROP TRIGGER refuse_truncate ON consent_records;
DROP TRIGGER consent_events_stay ON consent_events;
DROP TRIGGER consent_records_stay ON consent_records;
DROP TRIGGER consent_events_insert_only ON consent_events;
DROP TRIGGER consent_records_insert_only ON consent_records;
CREATE TRIGGER consent_records_insert_only BEFORE UPDATE OR DELETE ON consent_records
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
