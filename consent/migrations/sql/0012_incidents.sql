-- An incident is closed once; its history is only ever added to. Retention alone removes, and says so in its session.
CREATE TRIGGER incidents_keep BEFORE UPDATE ON incidents
    FOR EACH ROW EXECUTE FUNCTION change_only('closed_at', '', 'closed_at,outcome');
CREATE TRIGGER incidents_stay AFTER DELETE ON incidents
    FOR EACH ROW EXECUTE FUNCTION refuse_truncate();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON incidents EXECUTE FUNCTION refuse_truncate();
CREATE TRIGGER incident_entries_insert_only BEFORE UPDATE ON incident_entries
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER incident_entries_stay AFTER DELETE ON incident_entries
    FOR EACH ROW EXECUTE FUNCTION refuse_truncate();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON incident_entries EXECUTE FUNCTION refuse_truncate();
