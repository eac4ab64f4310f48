-- Write one local day of a connection again from the facts; the same facts give the same rows.
CREATE FUNCTION rebuild_insight_day(p_connection bigint, p_day date) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE touched uuid[];
        written integer;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('insight-day:' || p_connection || ':' || p_day, 0));
  -- A day more on both sides: zones differ from UTC by less.
  touched := ARRAY(SELECT id FROM observed_conversations
                   WHERE connection_id = p_connection AND gone_at IS NULL AND started_at < p_day + 2
                     AND (last_activity_at IS NULL OR last_activity_at > p_day - 2 OR resolved_at > p_day - 2));
  CREATE TEMPORARY TABLE day_facts ON COMMIT DROP AS
  SELECT c.inbox_id, coalesce(c.team_id, 0) AS team_id, c.contact_id, f.*,
         (f.started_at AT TIME ZONE u.zone)::date AS started_day
  FROM insight_conversation_facts(touched, clock_timestamp()) f
  JOIN observed_conversations c ON c.id = f.conversation_id
  CROSS JOIN LATERAL insight_unit(p_connection, c.inbox_id) u;
  DELETE FROM insight_days WHERE connection_id = p_connection AND day = p_day;
  DELETE FROM insight_durations WHERE connection_id = p_connection AND day = p_day;
  INSERT INTO insight_days (
    connection_id, inbox_id, team_id, day, conversations, attendances, resolutions, reopenings, one_contact, bot_only,
    unanswered, stale, patient_messages, human_messages, bot_messages, people)
  SELECT p_connection, inbox_id, team_id, p_day,
         count(*) FILTER (WHERE kind = 'conversation' AND day = p_day),
         count(*) FILTER (WHERE kind = 'attendance' AND started_day = p_day),
         count(*) FILTER (WHERE kind = 'attendance' AND day = p_day),
         count(*) FILTER (WHERE kind = 'attendance' AND started_day = p_day AND started_at <= before_at + interval '7 days'),
         count(*) FILTER (WHERE kind = 'attendance' AND day = p_day AND human_messages <= 1
                            AND (after_at IS NULL OR after_at > ended_at + interval '7 days')),
         count(*) FILTER (WHERE kind = 'attendance' AND day = p_day AND human_messages = 0
                            AND (after_at IS NULL OR after_at > ended_at + interval '24 hours')),
         count(*) FILTER (WHERE outcome = 'unanswered' AND day = p_day),
         count(*) FILTER (WHERE outcome = 'answered' AND day = p_day AND calendar_s > 7 * 86400),
         coalesce(sum(patient_messages) FILTER (WHERE kind = 'day' AND day = p_day), 0),
         coalesce(sum(human_messages) FILTER (WHERE kind = 'day' AND day = p_day), 0),
         coalesce(sum(bot_messages) FILTER (WHERE kind = 'day' AND day = p_day), 0),
         count(DISTINCT contact_id) FILTER (WHERE kind = 'day' AND day = p_day AND patient_messages + human_messages > 0)
  FROM day_facts WHERE day = p_day OR started_day = p_day GROUP BY inbox_id, team_id;
  GET DIAGNOSTICS written = ROW_COUNT;
  INSERT INTO insight_durations (connection_id, inbox_id, team_id, day, measure, clock, bucket, n, sum_s, min_s, max_s)
  SELECT p_connection, d.inbox_id, d.team_id, p_day, d.measure, d.clock, width_bucket(d.seconds / 60.0::double precision, e.edges),
         count(*), sum(d.seconds), min(d.seconds), max(d.seconds)
  FROM (SELECT inbox_id, team_id, clock, seconds,
               CASE kind WHEN 'first_wait' THEN 'first_response' WHEN 'reply_wait' THEN 'reply' ELSE 'resolution' END AS measure
        FROM day_facts CROSS JOIN LATERAL (VALUES ('calendar', calendar_s), ('business', business_s)) AS c(clock, seconds)
        WHERE day = p_day AND seconds IS NOT NULL
          AND (kind = 'attendance' AND outcome = 'resolved' OR outcome = 'answered' AND calendar_s <= 7 * 86400)) AS d
  CROSS JOIN (SELECT insight_edges() AS edges) AS e
  GROUP BY 2, 3, 5, 6, 7;
  DROP TABLE day_facts;
  RETURN written;
END
$$;
