-- Rows of insert-only tables are refused every change, whoever asks. TRUNCATE is left to privileges.
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is insert-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$$;

CREATE TRIGGER audit_logs_insert_only BEFORE UPDATE OR DELETE ON audit_logs
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- The shape seed 002 describes. Addresses and browsers are not kept in rows that can never expire.
CREATE VIEW audit_logs_seed AS
SELECT
    id,
    user_id,
    action,
    object_type AS model,
    CASE WHEN object_id ~ '^[0-9]{1,18}$' THEN object_id::bigint END AS model_id,
    to_jsonb(fields) AS changes,
    NULL::varchar(45) AS ip_address,
    NULL::text AS user_agent,
    created_at
FROM audit_logs;

COMMENT ON VIEW audit_logs_seed IS 'audit_logs in the columns of seed 002; changes holds names of fields only.';
