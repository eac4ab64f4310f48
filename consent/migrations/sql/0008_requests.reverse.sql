DROP TRIGGER deadline_regimes_no_truncate ON deadline_regimes;
DROP TRIGGER deadline_regimes_insert_only ON deadline_regimes;
DROP TRIGGER data_request_steps_no_truncate ON data_request_steps;
DROP TRIGGER data_request_steps_insert_only ON data_request_steps;
DROP FUNCTION refuse_change_but_retention() CASCADE;
DROP TRIGGER data_requests_receipt ON data_requests;
DROP FUNCTION refuse_other_receipt();
DROP TRIGGER data_request_items_clock ON data_request_items;
DROP FUNCTION refuse_other_clock();
