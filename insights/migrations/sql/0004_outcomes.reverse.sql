DROP FUNCTION insight_suggestions(timestamptz, numeric, timestamptz, timestamptz, timestamptz, text, integer, integer,
                                  integer, text, boolean, integer, timestamptz, text, integer, timestamptz, boolean,
                                  timestamptz);
DROP FUNCTION insight_no_show(double precision, integer, integer, double precision, boolean, boolean, boolean, boolean);
DROP FUNCTION insight_no_show_rate(bigint, timestamptz);
DROP FUNCTION insight_by_hour(integer[]);

-- Suggestions of opportunities from what insight_compute found; one row per opportunity and rule that holds.
-- Each is {id, priority, because, needs, channel, expires_at}: ids and numbers, never a sentence.
CREATE FUNCTION insight_suggestions(
  p_now timestamptz, p_open_min numeric, p_open_at timestamptz, p_window_ends timestamptz, p_reopens_at timestamptz,
  p_channel text, p_reopenings integer, p_quiet_days integer, p_place integer, p_code text, p_may_market boolean,
  p_shared integer, p_ours_at timestamptz, p_ours_channel text)
RETURNS TABLE (id text, priority integer, suggestion jsonb) LANGUAGE sql IMMUTABLE AS $$
  SELECT s.id, s.priority, jsonb_build_object('id', s.id, 'priority', s.priority, 'because', s.because, 'needs', s.needs,
                                              'channel', s.channel, 'expires_at', s.expires_at)
  FROM (VALUES
    ('reply_now', 100, p_open_min >= 30,
     jsonb_build_object('open_wait_min', p_open_min, 'since', p_open_at), '[]'::jsonb, p_channel, NULL::timestamptz),
    ('window_closing', 95, p_open_at IS NOT NULL AND p_window_ends > p_now
       AND (p_window_ends <= p_now + interval '120 minutes' OR p_window_ends < p_reopens_at),
     jsonb_build_object('window_ends_at', p_window_ends, 'since', p_open_at), '[]'::jsonb, p_channel, p_window_ends),
    ('escalate', 88, p_reopenings >= 2,
     jsonb_build_object('reopenings', p_reopenings, 'days', 14), '[]'::jsonb, NULL, NULL),
    ('use_template', 80, p_open_at IS NOT NULL AND p_window_ends <= p_now,
     jsonb_build_object('window_ended_at', p_window_ends, 'since', p_open_at), '["utility_template"]'::jsonb, p_channel,
     NULL),
    ('merge_contacts', 40, p_shared >= 2,
     jsonb_build_object('contacts', p_shared), '["merge_permission"]'::jsonb, NULL, NULL),
    ('reengage', 30, p_quiet_days BETWEEN 30 AND 180 AND p_place >= 2 AND p_code NOT IN ('won', 'lost') AND p_may_market,
     jsonb_build_object('quiet_days', p_quiet_days, 'stage', p_place), '["marketing"]'::jsonb, p_ours_channel, NULL),
    ('close', 20, p_ours_at <= p_now - interval '72 hours',
     jsonb_build_object('since', p_ours_at), '[]'::jsonb, p_ours_channel, NULL)
  ) AS s(id, priority, holds, because, needs, channel, expires_at)
  WHERE s.holds
$$;

-- The numbers of opportunities of one connection at a moment; writes nothing. is_closed: the person withdrew or denied
-- the processing, is blocked or erased, or nobody knows the opportunity any more.
CREATE OR REPLACE FUNCTION insight_compute(p_connection bigint, p_leads bigint[], p_now timestamptz)
RETURNS SETOF insight_numbers LANGUAGE sql STABLE SET jit = off AS $$
WITH place AS (
  SELECT n.id, n.krayin_id, n.pipelines, k.id AS clinic_id, (p_now AT TIME ZONE k.time_zone)::date AS today
  FROM connections n JOIN clinics k ON k.id = n.clinic_id WHERE n.id = p_connection
),
wanted AS (SELECT DISTINCT unnest(p_leads) AS lead),
pairs AS MATERIALIZED (
  SELECT w.lead, c.id, c.status, c.inbox_id, c.channel
  FROM wanted w
  JOIN conversation_mappings m ON m.connection_id = p_connection AND m.krayin_lead_id = w.lead
  JOIN observed_conversations c ON c.connection_id = p_connection
    AND c.chatwoot_conversation_id = m.chatwoot_conversation_id AND c.gone_at IS NULL
),
people AS MATERIALIZED (
  SELECT w.lead, c.subject_id, m.krayin_person_id
  FROM wanted w
  JOIN contact_mappings m ON m.connection_id = p_connection AND m.krayin_lead_id = w.lead
  LEFT JOIN observed_contacts c ON c.connection_id = p_connection AND c.chatwoot_contact_id = m.chatwoot_contact_id
),
wills AS (
  SELECT p.lead, max(p.krayin_person_id) AS person,
         coalesce(bool_or(s.blocked_at IS NOT NULL OR s.erased_at IS NOT NULL
                          OR processing.status IN ('withdrawn', 'denied')), false) AS is_closed,
         coalesce(bool_and(marketing.status = 'granted' AND marketing.granted_at > p_now - interval '730 days'
                           AND NOT 'marketing' = ANY(s.opposed_purposes)), false) AS may_market
  FROM people p
  LEFT JOIN data_subjects s ON s.id = p.subject_id
  LEFT JOIN LATERAL (SELECT r.status FROM consent_records r
                     WHERE r.contact_id = p.subject_id AND r.consent_type = 'data_processing' AND r.created_at <= p_now
                     ORDER BY r.created_at DESC, r.id DESC LIMIT 1) AS processing ON true
  LEFT JOIN LATERAL (SELECT r.status, r.granted_at FROM consent_records r
                     WHERE r.contact_id = p.subject_id AND r.consent_type = 'marketing' AND r.created_at <= p_now
                     ORDER BY r.created_at DESC, r.id DESC LIMIT 1) AS marketing ON true
  GROUP BY p.lead
),
facts AS MATERIALIZED (
  SELECT p.lead, p.status, p.channel, p.inbox_id, f.*, coalesce(f.business_s, f.calendar_s) AS score_s
  FROM insight_conversation_facts((SELECT array_agg(id) FROM pairs), p_now) f JOIN pairs p ON p.id = f.conversation_id
),
totals AS (
  SELECT lead, count(*)::integer AS total, count(*) FILTER (WHERE status = 'resolved')::integer AS resolved,
         count(*) FILTER (WHERE ended_at > p_now - interval '90 days')::integer AS recent,
         count(*) FILTER (WHERE ended_at > p_now - interval '90 days' AND status = 'resolved')::integer AS recent_resolved,
         sum(patient_messages)::integer AS patient, sum(human_messages)::integer AS human,
         sum(bot_messages)::integer AS bot, max(ended_at) AS last_at,
         min(last_human_at) FILTER (WHERE status = 'open' AND last_human_at > coalesce(last_patient_at, '-infinity')) AS ours_at,
         max(channel) AS channel
  FROM facts WHERE kind = 'conversation' GROUP BY lead
),
engagement AS (
  SELECT lead, insight_engagement(sum(power(2, -age / 14.0) * least(3, messages))::double precision) AS e
  FROM (SELECT lead, number AS age, sum(patient_messages) AS messages FROM facts
        WHERE kind = 'day' AND number < 90 GROUP BY lead, number) AS d
  GROUP BY lead
),
waits AS (
  SELECT lead, kind, outcome, ended_at, calendar_s / 60.0 AS calendar_min, business_s / 60.0 AS business_min,
         score_s / 60.0 AS score_min, calendar_s > 7 * 86400 AS is_stale
  FROM facts WHERE kind IN ('first_wait', 'reply_wait')
),
answers AS (
  SELECT lead, count(*) AS n, avg(score_min) AS mean,
         jsonb_build_object(
           'n', count(*), 'median', round(percentile_cont(0.5) WITHIN GROUP (ORDER BY calendar_min)::numeric),
           'p90', round(percentile_disc(0.9) WITHIN GROUP (ORDER BY calendar_min)),
           'mean', round(avg(calendar_min), 2)) AS calendar,
         CASE WHEN count(business_min) > 0 THEN jsonb_build_object(
           'n', count(business_min), 'median', round(percentile_cont(0.5) WITHIN GROUP (ORDER BY business_min)::numeric),
           'p90', round(percentile_disc(0.9) WITHIN GROUP (ORDER BY business_min)),
           'mean', round(avg(business_min), 2)) END AS business,
         count(*) FILTER (WHERE kind = 'first_wait') AS first_n,
         percentile_cont(0.5) WITHIN GROUP (ORDER BY score_min) FILTER (WHERE kind = 'first_wait') AS first_median,
         count(*) FILTER (WHERE kind = 'reply_wait') AS reply_n,
         percentile_cont(0.5) WITHIN GROUP (ORDER BY score_min) FILTER (WHERE kind = 'reply_wait') AS reply_median,
         percentile_cont(0.5) WITHIN GROUP (ORDER BY score_min)
           FILTER (WHERE ended_at > p_now - interval '90 days') AS recent_median
  FROM waits WHERE outcome = 'answered' AND NOT is_stale GROUP BY lead
),
others AS (
  SELECT lead, count(*) FILTER (WHERE outcome = 'unanswered') AS unanswered,
         count(*) FILTER (WHERE outcome = 'answered' AND is_stale) AS stale
  FROM waits GROUP BY lead
),
-- The open wait that lasts longest by the clock that counts.
open_waits AS (
  SELECT DISTINCT ON (f.lead) f.lead, f.started_at, f.score_s / 60.0 AS open_min, f.channel,
         CASE WHEN f.channel = 'Channel::Whatsapp' THEN c.last_patient_at + interval '24 hours' END AS window_ends,
         CASE WHEN f.channel = 'Channel::Whatsapp' AND f.business_s IS NOT NULL
              THEN insight_next_opening(u.unit_id, u.zone, p_now) END AS reopens_at
  FROM facts f
  JOIN facts c ON c.conversation_id = f.conversation_id AND c.kind = 'conversation'
  CROSS JOIN LATERAL insight_unit(p_connection, f.inbox_id) u
  WHERE f.outcome = 'open' AND f.kind IN ('first_wait', 'reply_wait')
  ORDER BY f.lead, f.score_s DESC, f.started_at
),
attendances AS (
  SELECT lead, count(*) AS n, count(*) FILTER (WHERE outcome = 'resolved') AS resolutions,
         count(*) FILTER (WHERE started_at <= before_at + interval '7 days') AS reopenings,
         count(*) FILTER (WHERE started_at <= before_at + interval '7 days'
                            AND started_at > p_now - interval '14 days')::integer AS recent_reopenings,
         count(*) FILTER (WHERE outcome = 'resolved' AND human_messages <= 1
                            AND (after_at IS NULL OR after_at > ended_at + interval '7 days')) AS one_contact,
         count(*) FILTER (WHERE outcome = 'resolved' AND human_messages = 0
                            AND (after_at IS NULL OR after_at > ended_at + interval '24 hours')) AS bot_only,
         percentile_cont(0.5) WITHIN GROUP (ORDER BY calendar_s / 60.0) FILTER (WHERE outcome = 'resolved') AS calendar,
         percentile_cont(0.5) WITHIN GROUP (ORDER BY business_s / 60.0) FILTER (WHERE outcome = 'resolved') AS business
  FROM facts WHERE kind = 'attendance' GROUP BY lead
),
shared AS (
  SELECT w.lead, count(*)::integer AS contacts
  FROM wills w JOIN contact_mappings m ON m.connection_id = p_connection AND m.krayin_person_id = w.person
  GROUP BY w.lead HAVING count(*) > 1
),
leads AS (
  SELECT w.lead, coalesce(v.is_closed, false) OR v.lead IS NULL AND t.lead IS NULL AS is_closed, coalesce(t.total, 0) AS total,
         t.resolved, t.recent, t.recent_resolved, t.patient, t.human, t.bot, t.last_at, t.ours_at, t.channel, e.e,
         a.n AS closed_waits, a.mean, a.calendar, a.business, a.first_n, a.first_median, a.reply_n, a.reply_median,
         a.recent_median, x.unanswered, x.stale, o.started_at AS open_at, o.open_min, o.channel AS open_channel,
         o.window_ends, o.reopens_at, b.n AS attendances, b.resolutions, b.reopenings, b.recent_reopenings,
         b.one_contact, b.bot_only, b.calendar AS resolution_calendar, b.business AS resolution_business,
         s.place, s.stages, s.code, coalesce(v.may_market, false) AS may_market, coalesce(h.contacts, 0) AS contacts,
         coalesce((SELECT rate FROM clinic_rates r WHERE r.clinic_id = p.clinic_id AND r.day = p.today), 0.60) AS rate
  FROM wanted w CROSS JOIN place p
  LEFT JOIN wills v ON v.lead = w.lead
  LEFT JOIN totals t ON t.lead = w.lead
  LEFT JOIN engagement e ON e.lead = w.lead
  LEFT JOIN answers a ON a.lead = w.lead
  LEFT JOIN others x ON x.lead = w.lead
  LEFT JOIN open_waits o ON o.lead = w.lead
  LEFT JOIN attendances b ON b.lead = w.lead
  LEFT JOIN shared h ON h.lead = w.lead
  LEFT JOIN krayin_leads l ON l.krayin_id = p.krayin_id AND l.lead_id = w.lead AND l.gone_at IS NULL
  LEFT JOIN LATERAL insight_stage(p.pipelines, l.pipeline_id, l.stage_id) s ON true
),
scored AS MATERIALIZED (
  SELECT l.*, CASE WHEN l.total > 0 THEN insight_parts(
           l.recent_resolved, l.recent, l.rate::double precision, l.recent_median, coalesce(l.e, 0),
           NULL, 0, l.place, l.stages, l.open_min::double precision) END AS parts
  FROM leads l
),
offered AS (
  SELECT o.lead, jsonb_agg(o.suggestion ORDER BY o.priority DESC, o.id) AS suggestions
  FROM (
    SELECT s.lead, g.*, row_number() OVER (PARTITION BY s.lead ORDER BY g.priority DESC, g.id) AS place
    FROM scored s
    CROSS JOIN LATERAL insight_suggestions(
      p_now, round(s.open_min), s.open_at, s.window_ends, s.reopens_at, s.open_channel, s.recent_reopenings,
      extract(day FROM p_now - s.last_at)::integer, s.place, s.code, s.may_market, s.contacts, s.ours_at, s.channel) g
    WHERE s.total > 0 AND NOT EXISTS (
      SELECT FROM suggestion_silences q
      WHERE q.connection_id = p_connection AND q.krayin_lead_id = s.lead AND q.suggestion = g.id
        AND (q.until > p_now OR q.until IS NULL AND q.about = s.open_at))
  ) AS o
  WHERE o.place <= 3 GROUP BY o.lead
)
SELECT s.lead, s.is_closed, s.total, coalesce(s.resolved, 0),
       round(100.0 * s.resolved / nullif(s.total, 0), 2), round(s.mean)::integer, coalesce(s.patient + s.human, 0),
       round((s.patient + s.human)::numeric / nullif(s.total, 0), 2), insight_score(s.parts),
       CASE WHEN s.total > 0 THEN insight_engagement_level(coalesce(s.e, 0)) ELSE 'low' END,
       CASE WHEN insight_score(s.parts) - old.performance_score > 0.5 THEN 'improving'
            WHEN insight_score(s.parts) - old.performance_score < -0.5 THEN 'declining'
            WHEN insight_score(s.parts) - old.performance_score IS NOT NULL THEN 'stable' END,
       f.suggestions, s.last_at, CASE WHEN s.total > 0 THEN round(s.recent::numeric / (s.recent + 5), 2) END, s.parts,
       CASE WHEN s.total > 0 THEN jsonb_build_object(
         'clock', CASE WHEN s.business IS NULL THEN 'calendar' ELSE 'business' END,
         'waits', jsonb_build_object('calendar', s.calendar, 'business', s.business,
                                     'unanswered', coalesce(s.unanswered, 0), 'stale', coalesce(s.stale, 0)),
         'first_response', jsonb_build_object('n', coalesce(s.first_n, 0), 'median', round(s.first_median::numeric)),
         'reply', jsonb_build_object('n', coalesce(s.reply_n, 0), 'median', round(s.reply_median::numeric)),
         'resolution', jsonb_build_object('n', s.resolutions, 'calendar_median', round(s.resolution_calendar::numeric),
                                          'business_median', round(s.resolution_business::numeric)),
         'attendances', s.attendances, 'reopenings', s.reopenings, 'one_contact', s.one_contact,
         'bot_only', s.bot_only,
         'reopen_rate', round(100.0 * s.reopenings / nullif(s.resolutions, 0), 2),
         'patient_messages', s.patient, 'human_messages', s.human, 'bot_messages', s.bot,
         'engagement', round(coalesce(s.e, 0)::numeric, 4), 'open_since', s.open_at) END,
       CASE WHEN s.open_min < 240 OR s.window_ends > p_now THEN p_now + interval '15 minutes' END
FROM scored s
LEFT JOIN offered f ON f.lead = s.lead
-- What was current 7 days ago, else the oldest; a score of another formula is no comparison.
LEFT JOIN LATERAL (
  SELECT CASE WHEN i.formula_version = 1 THEN i.performance_score END AS performance_score FROM ai_insights i
  WHERE i.connection_id = p_connection AND i.krayin_lead_id = s.lead
  ORDER BY i.valid_from > p_now - interval '7 days', abs(extract(epoch FROM i.valid_from - (p_now - interval '7 days')))
  LIMIT 1
) AS old ON true
$$;

-- Write one local day of a connection again from the facts; the same facts give the same rows.
CREATE OR REPLACE FUNCTION rebuild_insight_day(p_connection bigint, p_day date) RETURNS integer LANGUAGE plpgsql AS $$
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
