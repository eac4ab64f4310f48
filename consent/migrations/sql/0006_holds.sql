-- What people read is what was hashed: body, and below it what follows a no.
ALTER TABLE text_versions ADD CONSTRAINT chk_text_versions_sha256 CHECK (
    sha256 = encode(sha256(convert_to(
        body || CASE WHEN consequences = '' THEN '' ELSE E'\n\n' || consequences END, 'UTF8'
    )), 'hex')
);

-- Rows of which only some columns ever change. Arguments: the column that closes a row, columns that may change always,
-- columns that may change until it is closed.
CREATE FUNCTION change_only() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    free text[] := string_to_array(TG_ARGV[1], ',');
BEGIN
    IF to_jsonb(OLD) ->> TG_ARGV[0] IS NULL THEN
        free := free || string_to_array(TG_ARGV[2], ',');
    END IF;
    IF to_jsonb(NEW) - free IS DISTINCT FROM to_jsonb(OLD) - free THEN
        RAISE EXCEPTION '% keeps its rows as they are', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER text_versions_keep_words BEFORE UPDATE ON text_versions
    FOR EACH ROW WHEN (OLD.state <> 'draft') EXECUTE FUNCTION change_only('', 'state,valid_to', '');
CREATE TRIGGER served_texts_insert_only BEFORE UPDATE ON served_texts
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER withdrawal_words_insert_only BEFORE UPDATE ON withdrawal_words
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER legal_holds_keep BEFORE UPDATE ON legal_holds FOR EACH ROW EXECUTE FUNCTION change_only(
    'released_at', 'explanation,clinic_explanation',
    'review_on,reviewed_at,reviewed_by_id,released_at,released_by_id,release_reason'
);
CREATE TRIGGER restrictions_keep BEFORE UPDATE ON restrictions
    FOR EACH ROW EXECUTE FUNCTION change_only('ended_at', '', 'ended_at,ended_by_id');
CREATE TRIGGER guardianships_keep BEFORE UPDATE ON guardianships
    FOR EACH ROW EXECUTE FUNCTION change_only('ended_at', '', 'ended_at,ended_by_id');

-- Removal is for retention alone, which says so in its session (the function is that of TRUNCATE).
CREATE TRIGGER text_versions_stay AFTER DELETE ON text_versions
    FOR EACH ROW WHEN (OLD.state <> 'draft') EXECUTE FUNCTION refuse_truncate();
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['served_texts', 'withdrawal_words', 'legal_holds', 'restrictions', 'guardianships'] LOOP
        EXECUTE format('CREATE TRIGGER %I AFTER DELETE ON %I FOR EACH ROW EXECUTE FUNCTION refuse_truncate()',
            name || '_stay', name);
    END LOOP;
    FOREACH name IN ARRAY ARRAY['text_versions', 'served_texts', 'withdrawal_words', 'legal_holds', 'restrictions',
        'guardianships'] LOOP
        EXECUTE format('CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON %I EXECUTE FUNCTION refuse_truncate()', name);
    END LOOP;
END
$$;

-- What a legal hold keeps stays, whoever asks, retention too. Arguments: the column that names the person; the only
-- scope that counts here, or any. The person's last data key may not go while a part of their data is held: without it
-- that part is gone as well.
CREATE FUNCTION refuse_held() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    person uuid := (to_jsonb(OLD) ->> TG_ARGV[0])::uuid;
    controller bigint := (to_jsonb(OLD) ->> 'clinic_id')::bigint;
BEGIN
    IF TG_TABLE_NAME = 'data_keys' THEN
        IF EXISTS (
            SELECT FROM keys.data_keys WHERE kind = 'subject' AND ref = person::text AND wrapped IS NOT NULL
        ) THEN
            RETURN NULL;
        END IF;
        SELECT clinic_id INTO controller FROM data_subjects WHERE id = person;
    END IF;
    IF EXISTS (
        SELECT FROM legal_holds
        WHERE released_at IS NULL
          AND (subject_id = person OR (subject_id IS NULL AND clinic_id = controller))
          AND TG_ARGV[1] IN ('any', scope)
    ) THEN
        RAISE EXCEPTION '%: a legal hold forbids removal', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END
$$;

-- Deferrable, so that a whole database can be emptied in one transaction, holds included.
CREATE CONSTRAINT TRIGGER data_subjects_held AFTER DELETE ON data_subjects DEFERRABLE
    FOR EACH ROW EXECUTE FUNCTION refuse_held('id', 'any');
CREATE CONSTRAINT TRIGGER data_subjects_held_erased AFTER UPDATE OF erased_at ON data_subjects DEFERRABLE
    FOR EACH ROW WHEN (OLD.erased_at IS NULL AND NEW.erased_at IS NOT NULL)
    EXECUTE FUNCTION refuse_held('id', 'any');
CREATE CONSTRAINT TRIGGER contact_points_held AFTER DELETE ON contact_points DEFERRABLE
    FOR EACH ROW EXECUTE FUNCTION refuse_held('subject_id', 'person');
CREATE CONSTRAINT TRIGGER contact_points_held_emptied AFTER UPDATE OF value ON contact_points DEFERRABLE
    FOR EACH ROW WHEN (OLD.value IS NOT NULL AND NEW.value IS NULL)
    EXECUTE FUNCTION refuse_held('subject_id', 'person');
CREATE CONSTRAINT TRIGGER data_keys_held AFTER DELETE ON keys.data_keys DEFERRABLE
    FOR EACH ROW WHEN (OLD.kind = 'subject' AND OLD.wrapped IS NOT NULL) EXECUTE FUNCTION refuse_held('ref', 'any');
CREATE CONSTRAINT TRIGGER data_keys_held_destroyed AFTER UPDATE OF wrapped ON keys.data_keys DEFERRABLE
    FOR EACH ROW WHEN (OLD.kind = 'subject' AND OLD.wrapped IS NOT NULL AND NEW.wrapped IS NULL)
    EXECUTE FUNCTION refuse_held('ref', 'any');
