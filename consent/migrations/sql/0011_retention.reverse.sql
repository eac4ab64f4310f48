DROP TRIGGER retention_runs_keep ON retention_runs;
DROP FUNCTION refuse_other_list();
DROP TRIGGER refuse_truncate ON retention_periods;
DROP TRIGGER retention_periods_insert_only ON retention_periods;
