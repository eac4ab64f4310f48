DROP VIEW audit_logs_seed;
DROP TRIGGER audit_logs_insert_only ON audit_logs;
DROP FUNCTION refuse_change();
