-- The clock of a right never changes, a closed right stays closed, an answer that was sent stays as it was sent.
CREATE FUNCTION refuse_other_clock() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.due_at, NEW.received_at, NEW.request_id, NEW.right_code) IS DISTINCT FROM
       (OLD.due_at, OLD.received_at, OLD.request_id, OLD.right_code) THEN
        RAISE EXCEPTION '% keeps its clock', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.state IN ('closed', 'cancelled_by_subject') AND NEW.state <> OLD.state THEN
        RAISE EXCEPTION '% is closed', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.sent_at IS NOT NULL AND
       (NEW.sent_at, NEW.proof, NEW.proof_sha256, NEW.answer_sha256) IS DISTINCT FROM
       (OLD.sent_at, OLD.proof, OLD.proof_sha256, OLD.answer_sha256) THEN
        RAISE EXCEPTION '% keeps its proof', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER data_request_items_clock BEFORE UPDATE ON data_request_items
    FOR EACH ROW EXECUTE FUNCTION refuse_other_clock();

CREATE FUNCTION refuse_other_receipt() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% keeps protocol, receipt, regime and rules', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER data_requests_receipt
    BEFORE UPDATE OF protocol, clinic_id, holder_id, received_at, regime, rules_version ON data_requests
    FOR EACH ROW
    WHEN ((NEW.protocol, NEW.clinic_id, NEW.holder_id, NEW.received_at, NEW.regime, NEW.rules_version)
        IS DISTINCT FROM
        (OLD.protocol, OLD.clinic_id, OLD.holder_id, OLD.received_at, OLD.regime, OLD.rules_version))
    EXECUTE FUNCTION refuse_other_receipt();

-- Steps and regimes are written once. Retention alone removes them, and says so in its session.
CREATE FUNCTION refuse_change_but_retention() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND coalesce(current_setting('ponte.retention', true), '') = 'on' THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION '% is insert-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER data_request_steps_insert_only BEFORE UPDATE OR DELETE ON data_request_steps
    FOR EACH ROW EXECUTE FUNCTION refuse_change_but_retention();
CREATE TRIGGER data_request_steps_no_truncate BEFORE TRUNCATE ON data_request_steps
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE TRIGGER deadline_regimes_insert_only BEFORE UPDATE OR DELETE ON deadline_regimes
    FOR EACH ROW EXECUTE FUNCTION refuse_change_but_retention();
CREATE TRIGGER deadline_regimes_no_truncate BEFORE TRUNCATE ON deadline_regimes
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
