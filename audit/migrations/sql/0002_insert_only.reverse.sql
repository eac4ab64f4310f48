DROP VIEW audit_logs_seed;
DROP TRIGGER audit_logs_insert_only ON audit_logs;
-- Tables of other apps have it, too.
DROP FUNCTION refuse_change() CASCADE;
