-- A line is written once; only that it stands outside, too, is noted later. Removal is for retention alone.
CREATE TRIGGER erasure_ledger_keep BEFORE UPDATE ON erasure_ledger
    FOR EACH ROW EXECUTE FUNCTION change_only('outside_at', '', 'outside_at');
CREATE TRIGGER erasure_ledger_stay AFTER DELETE ON erasure_ledger
    FOR EACH ROW EXECUTE FUNCTION refuse_truncate();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON erasure_ledger EXECUTE FUNCTION refuse_truncate();
