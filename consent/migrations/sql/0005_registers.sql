CREATE TRIGGER operation_versions_insert_only BEFORE UPDATE OR DELETE ON operation_versions
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER operation_versions_no_truncate BEFORE TRUNCATE ON operation_versions
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
