DROP TRIGGER refuse_truncate ON erasure_ledger;
DROP TRIGGER erasure_ledger_stay ON erasure_ledger;
DROP TRIGGER erasure_ledger_keep ON erasure_ledger;
