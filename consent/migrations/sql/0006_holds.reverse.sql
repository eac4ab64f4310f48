-- With their triggers; those of other functions go with their tables.
DROP FUNCTION refuse_held() CASCADE;
DROP FUNCTION change_only() CASCADE;
ALTER TABLE text_versions DROP CONSTRAINT chk_text_versions_sha256;
