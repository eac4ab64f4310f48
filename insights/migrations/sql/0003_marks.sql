-- A changed fact marks its opportunities; statement by statement, so that a claim of many messages costs one insert.
-- Marks are only added here: nobody who observes ever waits for somebody who computes.
CREATE FUNCTION insight_mark_conversations(p_conversations uuid[]) RETURNS void LANGUAGE sql AS $$
  INSERT INTO insight_marks (connection_id, krayin_lead_id, due_at)
  SELECT DISTINCT m.connection_id, m.krayin_lead_id, now() + interval '30 seconds'
  FROM observed_conversations c
  JOIN conversation_mappings m ON m.connection_id = c.connection_id
    AND m.chatwoot_conversation_id = c.chatwoot_conversation_id
  WHERE c.id = ANY(p_conversations)
$$;

CREATE FUNCTION insight_on_messages() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM insight_mark_conversations((SELECT array_agg(DISTINCT conversation_id) FROM fresh));
  RETURN NULL;
END
$$;
CREATE TRIGGER insight_messages_added AFTER INSERT ON observed_messages
  REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION insight_on_messages();
CREATE TRIGGER insight_messages_removed AFTER DELETE ON observed_messages
  REFERENCING OLD TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION insight_on_messages();

CREATE FUNCTION insight_on_messages_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE touched uuid[];
BEGIN
  SELECT array_agg(DISTINCT n.conversation_id) INTO touched FROM fresh n JOIN former o ON o.id = n.id
  WHERE (n.author_kind, n.direction, n.sent_at) IS DISTINCT FROM (o.author_kind, o.direction, o.sent_at);
  IF touched IS NOT NULL THEN
    PERFORM insight_mark_conversations(touched);
  END IF;
  RETURN NULL;
END
$$;
CREATE TRIGGER insight_messages_changed AFTER UPDATE ON observed_messages
  REFERENCING OLD TABLE AS former NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION insight_on_messages_changed();

-- States over time: observed rows hold the present one. A conversation starts in the first state we hear of, unless
-- that is already the end of it.
CREATE FUNCTION insight_on_conversations_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO conversation_states (conversation_id, at, status)
  SELECT id, CASE WHEN status = 'resolved' THEN to_timestamp(version / 1000000)
                  ELSE date_trunc('second', started_at) END, status
  FROM fresh ON CONFLICT DO NOTHING;
  PERFORM insight_mark_conversations((SELECT array_agg(id) FROM fresh));
  RETURN NULL;
END
$$;
CREATE TRIGGER insight_conversations_added AFTER INSERT ON observed_conversations
  REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION insight_on_conversations_added();

CREATE FUNCTION insight_on_conversations_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE touched uuid[];
BEGIN
  SELECT array_agg(n.id) INTO touched FROM fresh n JOIN former o ON o.id = n.id
  WHERE (n.status, n.resolved_at, n.inbox_id, n.channel, n.gone_at IS NULL, n.contact_id)
    IS DISTINCT FROM (o.status, o.resolved_at, o.inbox_id, o.channel, o.gone_at IS NULL, o.contact_id);
  IF touched IS NULL THEN
    RETURN NULL;
  END IF;
  INSERT INTO conversation_states (conversation_id, at, status)
  SELECT n.id, to_timestamp(n.version / 1000000), n.status FROM fresh n JOIN former o ON o.id = n.id
  WHERE n.status <> o.status
  UNION
  SELECT n.id, n.resolved_at, 'resolved' FROM fresh n JOIN former o ON o.id = n.id
  WHERE n.resolved_at IS DISTINCT FROM o.resolved_at AND n.resolved_at IS NOT NULL
  UNION
  -- A resolution we hear of late, after the reopening.
  SELECT n.id, to_timestamp(n.version / 1000000), n.status FROM fresh n JOIN former o ON o.id = n.id
  WHERE n.resolved_at IS DISTINCT FROM o.resolved_at AND n.resolved_at IS NOT NULL AND n.status <> 'resolved'
  ON CONFLICT DO NOTHING;
  PERFORM insight_mark_conversations(touched);
  RETURN NULL;
END
$$;
CREATE TRIGGER insight_conversations_changed AFTER UPDATE ON observed_conversations
  REFERENCING OLD TABLE AS former NEW TABLE AS fresh
  FOR EACH STATEMENT EXECUTE FUNCTION insight_on_conversations_changed();

CREATE FUNCTION insight_on_conversations_removed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM conversation_states WHERE conversation_id IN (SELECT id FROM former);
  INSERT INTO insight_marks (connection_id, krayin_lead_id, due_at)
  SELECT DISTINCT m.connection_id, m.krayin_lead_id, now() + interval '30 seconds'
  FROM former c JOIN conversation_mappings m ON m.connection_id = c.connection_id
    AND m.chatwoot_conversation_id = c.chatwoot_conversation_id;
  RETURN NULL;
END
$$;
CREATE TRIGGER insight_conversations_removed AFTER DELETE ON observed_conversations
  REFERENCING OLD TABLE AS former FOR EACH STATEMENT EXECUTE FUNCTION insight_on_conversations_removed();

CREATE FUNCTION insight_on_mappings() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO insight_marks (connection_id, krayin_lead_id, due_at)
  SELECT DISTINCT connection_id, krayin_lead_id, now() + interval '30 seconds' FROM fresh WHERE krayin_lead_id IS NOT NULL;
  RETURN NULL;
END
$$;
-- Also the opportunity that lost it: a conversation changes sides when contacts are merged.
CREATE FUNCTION insight_on_mappings_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO insight_marks (connection_id, krayin_lead_id, due_at)
  SELECT DISTINCT t.connection_id, t.lead, now() + interval '30 seconds' FROM (
    SELECT o.connection_id, unnest(ARRAY[o.krayin_lead_id, n.krayin_lead_id]) AS lead
    FROM fresh n JOIN former o ON o.id = n.id WHERE n.krayin_lead_id IS DISTINCT FROM o.krayin_lead_id) AS t
  WHERE t.lead IS NOT NULL;
  RETURN NULL;
END
$$;
CREATE TRIGGER insight_conversation_mapped AFTER INSERT ON conversation_mappings
  REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION insight_on_mappings();
CREATE TRIGGER insight_conversation_unmapped AFTER DELETE ON conversation_mappings
  REFERENCING OLD TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION insight_on_mappings();
CREATE TRIGGER insight_conversation_remapped AFTER UPDATE ON conversation_mappings
  REFERENCING OLD TABLE AS former NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION insight_on_mappings_changed();
CREATE TRIGGER insight_contact_mapped AFTER INSERT ON contact_mappings
  REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION insight_on_mappings();
CREATE TRIGGER insight_contact_unmapped AFTER DELETE ON contact_mappings
  REFERENCING OLD TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION insight_on_mappings();
CREATE TRIGGER insight_contact_remapped AFTER UPDATE ON contact_mappings
  REFERENCING OLD TABLE AS former NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION insight_on_mappings_changed();

-- Stages, as Krayin last showed them.
CREATE FUNCTION insight_on_stage() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO insight_marks (connection_id, krayin_lead_id, due_at)
  SELECT DISTINCT m.connection_id, m.krayin_lead_id, now() + interval '30 seconds'
  FROM connections n JOIN contact_mappings m ON m.connection_id = n.id
  WHERE n.krayin_id = NEW.krayin_id AND m.krayin_lead_id = NEW.lead_id;
  RETURN NULL;
END
$$;
CREATE TRIGGER insight_stage_seen AFTER INSERT ON krayin_leads FOR EACH ROW EXECUTE FUNCTION insight_on_stage();
CREATE TRIGGER insight_stage_moved AFTER UPDATE ON krayin_leads FOR EACH ROW
  WHEN ((OLD.stage_id, OLD.pipeline_id, OLD.gone_at IS NULL) IS DISTINCT FROM
        (NEW.stage_id, NEW.pipeline_id, NEW.gone_at IS NULL)) EXECUTE FUNCTION insight_on_stage();

-- A withdrawal, a block, an objection hold from their commit on: without waiting the half minute.
CREATE FUNCTION insight_mark_subject(p_subject uuid) RETURNS void LANGUAGE sql AS $$
  INSERT INTO insight_marks (connection_id, krayin_lead_id, due_at)
  SELECT DISTINCT m.connection_id, m.krayin_lead_id, now()
  FROM observed_contacts c JOIN contact_mappings m ON m.connection_id = c.connection_id
    AND m.chatwoot_contact_id = c.chatwoot_contact_id
  WHERE c.subject_id = p_subject AND m.krayin_lead_id IS NOT NULL
$$;
CREATE FUNCTION insight_on_consent() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM insight_mark_subject(NEW.contact_id);
  RETURN NULL;
END
$$;
CREATE TRIGGER insight_consent_given AFTER INSERT ON consent_records FOR EACH ROW EXECUTE FUNCTION insight_on_consent();
CREATE FUNCTION insight_on_subject() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM insight_mark_subject(NEW.id);
  RETURN NULL;
END
$$;
CREATE TRIGGER insight_subject_changed AFTER UPDATE ON data_subjects FOR EACH ROW
  WHEN ((OLD.blocked_at IS NULL, OLD.erased_at IS NULL, OLD.opposed_purposes) IS DISTINCT FROM
        (NEW.blocked_at IS NULL, NEW.erased_at IS NULL, NEW.opposed_purposes)) EXECUTE FUNCTION insight_on_subject();

-- What was observed before: the first resolution, and a present state after it.
INSERT INTO conversation_states (conversation_id, at, status)
SELECT id, date_trunc('second', started_at), 'open' FROM observed_conversations WHERE status <> 'resolved' OR resolved_at IS NOT NULL
UNION SELECT id, date_trunc('second', resolved_at), 'resolved' FROM observed_conversations WHERE resolved_at IS NOT NULL
UNION SELECT id, to_timestamp(version / 1000000), status FROM observed_conversations
      WHERE resolved_at IS NOT NULL AND status <> 'resolved'
ON CONFLICT DO NOTHING;
