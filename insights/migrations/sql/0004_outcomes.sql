DROP FUNCTION insight_suggestions(timestamptz, numeric, timestamptz, timestamptz, timestamptz, text, integer, integer,
                                  integer, text, boolean, integer, timestamptz, text);

-- The estimate that a booked person does not come, for choosing whom to remind: log-odds, each term told.
-- p_days: from booking to the appointment. Returns {p, terms: {base, history, lead, confirmed, read, first}}.
CREATE FUNCTION insight_no_show(
  p_rate double precision, p_missed integer, p_past integer, p_days double precision, p_is_same_day boolean,
  p_is_confirmed boolean, p_is_read boolean, p_is_first boolean)
RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
  SELECT jsonb_build_object('p', round((1 / (1 + exp(-z)))::numeric, 3), 'terms', terms)
  FROM (
    SELECT jsonb_object_agg(term, round(value::numeric, 4)) AS terms, sum(value) AS z
    FROM (VALUES
      ('base', ln(p_rate / (1 - p_rate))),
      ('history', ln((p_missed + 4 * p_rate) / (p_past - p_missed + 4 * (1 - p_rate))) - ln(p_rate / (1 - p_rate))),
      ('lead', CASE WHEN p_is_same_day THEN -0.9 ELSE least(0.9, 0.35 * ln(1 + greatest(p_days, 0) / 7) / ln(2)) END),
      ('confirmed', CASE WHEN p_is_confirmed THEN -1.2 ELSE 0 END),
      ('read', CASE WHEN p_is_read THEN -0.3 ELSE 0 END),
      ('first', CASE WHEN p_is_first THEN 0.25 ELSE 0 END)) AS t(term, value)
  ) AS sums
$$;

-- A clinic's share of missed appointments over 180 days, 0.15 until there are 200; kept off the ends for the logarithm.
CREATE FUNCTION insight_no_show_rate(p_clinic bigint, p_now timestamptz) RETURNS double precision LANGUAGE sql STABLE AS $$
  SELECT CASE WHEN count(*) >= 200
              THEN greatest(0.01, least(0.99, round(avg((a.status = 'missed')::integer), 2)))::double precision ELSE 0.15 END
  FROM appointments a JOIN connections n ON n.id = a.connection_id
  WHERE n.clinic_id = p_clinic AND a.status IN ('attended', 'missed')
    AND a.starts_at > p_now - interval '180 days' AND a.starts_at <= p_now
$$;

-- Suggestions of opportunities from what insight_compute found; one row per opportunity and rule that holds.
-- Each is {id, priority, because, needs, channel, expires_at}: ids and numbers, never a sentence.
CREATE FUNCTION insight_suggestions(
  p_now timestamptz, p_open_min numeric, p_open_at timestamptz, p_window_ends timestamptz, p_reopens_at timestamptz,
  p_channel text, p_reopenings integer, p_quiet_days integer, p_place integer, p_code text, p_may_market boolean,
  p_shared integer, p_ours_at timestamptz, p_ours_channel text, p_low_rating integer, p_next_at timestamptz,
  p_next_is_sure boolean, p_missed_at timestamptz)
RETURNS TABLE (id text, priority integer, suggestion jsonb) LANGUAGE sql IMMUTABLE AS $$
  SELECT s.id, s.priority, jsonb_build_object('id', s.id, 'priority', s.priority, 'because', s.because, 'needs', s.needs,
                                              'channel', s.channel, 'expires_at', s.expires_at)
  FROM (VALUES
    ('reply_now', 100, p_open_min >= 30,
     jsonb_build_object('open_wait_min', p_open_min, 'since', p_open_at), '[]'::jsonb, p_channel, NULL::timestamptz),
    ('window_closing', 95, p_open_at IS NOT NULL AND p_window_ends > p_now
       AND (p_window_ends <= p_now + interval '120 minutes' OR p_window_ends < p_reopens_at),
     jsonb_build_object('window_ends_at', p_window_ends, 'since', p_open_at), '[]'::jsonb, p_channel, p_window_ends),
    ('escalate', 88, p_low_rating IS NOT NULL OR p_reopenings >= 2,
     CASE WHEN p_low_rating IS NULL THEN jsonb_build_object('reopenings', p_reopenings, 'days', 14)
          ELSE jsonb_build_object('rating', p_low_rating, 'days', 30) END, '[]'::jsonb, NULL, NULL),
    ('confirm_appointment', 85, NOT p_next_is_sure AND p_next_at BETWEEN p_now + interval '20 hours' AND p_now + interval '48 hours',
     jsonb_build_object('starts_at', p_next_at, 'since', p_next_at), '["utility_template", "data_processing"]'::jsonb,
     p_ours_channel, p_next_at),
    ('use_template', 80, p_open_at IS NOT NULL AND p_window_ends <= p_now,
     jsonb_build_object('window_ended_at', p_window_ends, 'since', p_open_at), '["utility_template"]'::jsonb, p_channel,
     NULL),
    ('no_show_recover', 70, p_missed_at > p_now - interval '7 days' AND p_next_at IS NULL,
     jsonb_build_object('missed_at', p_missed_at, 'since', p_missed_at), '["data_processing"]'::jsonb, p_ours_channel,
     p_missed_at + interval '7 days'),
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
  SELECT lead, kind, outcome, started_at, ended_at, calendar_s / 60.0 AS calendar_min, business_s / 60.0 AS business_min,
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
         (array_agg(round(score_min, 2) ORDER BY started_at) FILTER (WHERE kind = 'first_wait'))[1] AS first_word,
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
         percentile_cont(0.5) WITHIN GROUP (ORDER BY business_s / 60.0) FILTER (WHERE outcome = 'resolved') AS business,
         percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM ended_at - created_at) / 60.0)
           FILTER (WHERE outcome = 'resolved') AS since_creation
  FROM (SELECT *, min(started_at) OVER (PARTITION BY conversation_id) AS created_at FROM facts WHERE kind = 'attendance') AS a
  GROUP BY lead
),
-- Ratings of 90 days count for the score; low ones of 30 days for a suggestion.
surveys AS (
  SELECT p.lead, count(*)::integer AS sent, count(a.rating)::integer AS answered,
         count(*) FILTER (WHERE a.rating >= 4)::integer AS satisfied, round(avg(a.rating), 2) AS mean,
         count(*) FILTER (WHERE a.answered_at > p_now - interval '90 days')::integer AS recent,
         sum((a.rating - 1) / 4.0) FILTER (WHERE a.answered_at > p_now - interval '90 days') AS recent_sum,
         min(a.rating) FILTER (WHERE a.rating <= 2 AND a.answered_at > p_now - interval '30 days')::integer AS low
  FROM pairs p JOIN survey_answers a ON a.conversation_id = p.id
  WHERE a.sent_at <= p_now GROUP BY p.lead
),
appointed AS (
  SELECT w.lead, count(*) FILTER (WHERE a.status IN ('attended', 'missed'))::integer AS past,
         count(*) FILTER (WHERE a.status = 'missed')::integer AS missed,
         max(a.starts_at) FILTER (WHERE a.status = 'missed') AS missed_at,
         min(a.starts_at) FILTER (WHERE a.status = 'booked' AND a.starts_at > p_now) AS next_at
  FROM wanted w JOIN appointments a ON a.connection_id = p_connection AND a.krayin_lead_id = w.lead
  WHERE a.booked_at <= p_now GROUP BY w.lead
),
-- The next appointment with the estimate that nobody comes; every term is told.
visits AS (
  SELECT p.*, a.confirmed_at IS NOT NULL OR a.read_at IS NOT NULL AS is_sure,
         CASE WHEN a.id IS NOT NULL THEN insight_no_show(
           (SELECT insight_no_show_rate(clinic_id, p_now) FROM place), p.missed, p.past,
           extract(epoch FROM a.starts_at - a.booked_at) / 86400.0,
           (a.starts_at AT TIME ZONE z.time_zone)::date = (a.booked_at AT TIME ZONE z.time_zone)::date,
           a.confirmed_at IS NOT NULL, a.read_at IS NOT NULL, p.past = 0) END AS no_show
  FROM appointed p
  LEFT JOIN LATERAL (SELECT * FROM appointments b
                     WHERE b.connection_id = p_connection AND b.krayin_lead_id = p.lead AND b.status = 'booked'
                       AND b.starts_at = p.next_at ORDER BY b.id LIMIT 1) AS a ON true
  CROSS JOIN place
  JOIN clinics z ON z.id = place.clinic_id
),
shared AS (
  SELECT w.lead, count(*)::integer AS contacts
  FROM wills w JOIN contact_mappings m ON m.connection_id = p_connection AND m.krayin_person_id = w.person
  GROUP BY w.lead HAVING count(*) > 1
),
leads AS (
  SELECT w.lead, coalesce(v.is_closed, false) OR v.lead IS NULL AND t.lead IS NULL AS is_closed, coalesce(t.total, 0) AS total,
         t.resolved, t.recent, t.recent_resolved, t.patient, t.human, t.bot, t.last_at, t.ours_at, t.channel, e.e,
         a.n AS closed_waits, a.mean, a.calendar, a.business, a.first_word, a.first_n, a.first_median, a.reply_n, a.reply_median,
         a.recent_median, x.unanswered, x.stale, o.started_at AS open_at, o.open_min, o.channel AS open_channel,
         o.window_ends, o.reopens_at, b.n AS attendances, b.resolutions, b.reopenings, b.recent_reopenings,
         b.one_contact, b.bot_only, b.calendar AS resolution_calendar, b.business AS resolution_business,
         b.since_creation,
         q.sent, q.answered, q.satisfied, q.mean AS rating_mean, q.recent AS ratings, q.recent_sum, q.low,
         n.past, n.missed, n.missed_at, n.next_at, n.is_sure, n.no_show,
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
  LEFT JOIN surveys q ON q.lead = w.lead
  LEFT JOIN visits n ON n.lead = w.lead
  LEFT JOIN krayin_leads l ON l.krayin_id = p.krayin_id AND l.lead_id = w.lead AND l.gone_at IS NULL
  LEFT JOIN LATERAL insight_stage(p.pipelines, l.pipeline_id, l.stage_id) s ON true
),
scored AS MATERIALIZED (
  SELECT l.*, CASE WHEN l.total > 0 THEN insight_parts(
           l.recent_resolved, l.recent, l.rate::double precision, l.recent_median, coalesce(l.e, 0),
           l.recent_sum::double precision, coalesce(l.ratings, 0), l.place, l.stages, l.open_min::double precision) END AS parts
  FROM leads l
),
offered AS (
  SELECT o.lead, jsonb_agg(o.suggestion ORDER BY o.priority DESC, o.id) AS suggestions
  FROM (
    SELECT s.lead, g.*, row_number() OVER (PARTITION BY s.lead ORDER BY g.priority DESC, g.id) AS place
    FROM scored s
    CROSS JOIN LATERAL insight_suggestions(
      p_now, round(s.open_min), s.open_at, s.window_ends, s.reopens_at, s.open_channel, s.recent_reopenings,
      extract(day FROM p_now - s.last_at)::integer, s.place, s.code, s.may_market, s.contacts, s.ours_at, s.channel, s.low,
      s.next_at, s.is_sure, CASE WHEN s.last_at IS NULL OR s.last_at < s.missed_at THEN s.missed_at END) g
    WHERE s.total > 0 AND NOT EXISTS (
      SELECT FROM suggestion_silences q
      WHERE q.connection_id = p_connection AND q.krayin_lead_id = s.lead AND q.suggestion = g.id
        AND (q.until > p_now OR q.until IS NULL AND q.about = (g.suggestion #>> '{because,since}')::timestamptz))
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
                                          'business_median', round(s.resolution_business::numeric),
                                          'since_creation_median', round(s.since_creation::numeric)),
         'attendances', s.attendances, 'reopenings', s.reopenings, 'one_contact', s.one_contact,
         'bot_only', s.bot_only,
         'reopen_rate', round(100.0 * s.reopenings / nullif(s.resolutions, 0), 2),
         'patient_messages', s.patient, 'human_messages', s.human, 'bot_messages', s.bot,
         'engagement', round(coalesce(s.e, 0)::numeric, 4), 'open_since', s.open_at, 'first_word_min', s.first_word)
         || CASE WHEN s.sent > 0 THEN jsonb_build_object('satisfaction', jsonb_build_object(
              'sent', s.sent, 'answered', s.answered, 'satisfied', s.satisfied, 'mean', s.rating_mean)) ELSE '{}' END
         || CASE WHEN s.past > 0 OR s.next_at IS NOT NULL THEN jsonb_build_object('appointments', jsonb_build_object(
              'past', s.past, 'missed', s.missed, 'next_at', s.next_at, 'no_show', s.no_show)) ELSE '{}' END END,
       least(CASE WHEN s.open_min < 240 OR s.window_ends > p_now THEN p_now + interval '15 minutes' END,
             CASE WHEN s.next_at > p_now + interval '48 hours' THEN s.next_at - interval '48 hours' END)
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

-- How many of the hours given are 0, 1, … 23.
CREATE FUNCTION insight_by_hour(p_hours integer[]) RETURNS smallint[] LANGUAGE sql IMMUTABLE AS $$
  SELECT array_agg(n ORDER BY hour)
  FROM (SELECT hour, count(x.at)::smallint AS n FROM generate_series(0, 23) AS hour
        LEFT JOIN unnest(p_hours) AS x(at) ON x.at = hour GROUP BY hour) AS hours
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
  SELECT c.inbox_id, coalesce(c.team_id, 0) AS team_id, coalesce(c.assignee_id, 0) AS assignee_id, c.contact_id, f.*,
         (f.started_at AT TIME ZONE u.zone)::date AS started_day,
         extract(hour FROM f.started_at AT TIME ZONE u.zone)::integer AS started_hour
  FROM insight_conversation_facts(touched, clock_timestamp()) f
  JOIN observed_conversations c ON c.id = f.conversation_id
  CROSS JOIN LATERAL insight_unit(p_connection, c.inbox_id) u;
  DELETE FROM insight_days WHERE connection_id = p_connection AND day = p_day;
  DELETE FROM insight_durations WHERE connection_id = p_connection AND day = p_day;
  INSERT INTO day_facts (inbox_id, team_id, assignee_id, kind, day, started_day, number)
  SELECT c.inbox_id, coalesce(c.team_id, 0), coalesce(c.assignee_id, 0), s.kind, s.day, s.day, s.rating
  FROM survey_answers a JOIN observed_conversations c ON c.id = a.conversation_id AND c.gone_at IS NULL
  CROSS JOIN LATERAL insight_unit(p_connection, c.inbox_id) u
  CROSS JOIN LATERAL (VALUES ('survey', (a.sent_at AT TIME ZONE u.zone)::date, NULL::integer),
                             ('rating', (a.answered_at AT TIME ZONE u.zone)::date, a.rating::integer)) AS s(kind, day, rating)
  WHERE a.connection_id = p_connection AND s.day = p_day
    AND (a.sent_at BETWEEN p_day - 1 AND p_day + 2 OR a.answered_at BETWEEN p_day - 1 AND p_day + 2);
  INSERT INTO insight_days (
    connection_id, inbox_id, team_id, assignee_id, day, conversations, attendances, resolutions, reopenings, one_contact, bot_only,
    unanswered, stale, patient_messages, human_messages, bot_messages, people, surveys, ratings, satisfied,
    rating_sum, arrivals)
  SELECT p_connection, inbox_id, team_id, assignee_id, p_day,
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
         count(DISTINCT contact_id) FILTER (WHERE kind = 'day' AND day = p_day AND patient_messages + human_messages > 0),
         count(*) FILTER (WHERE kind = 'survey'), count(*) FILTER (WHERE kind = 'rating'),
         count(*) FILTER (WHERE kind = 'rating' AND number >= 4), coalesce(sum(number) FILTER (WHERE kind = 'rating'), 0),
         insight_by_hour(array_agg(started_hour) FILTER (WHERE kind IN ('first_wait', 'reply_wait') AND started_day = p_day))
  FROM day_facts WHERE day = p_day OR started_day = p_day GROUP BY inbox_id, team_id, assignee_id;
  GET DIAGNOSTICS written = ROW_COUNT;
  INSERT INTO insight_durations (connection_id, inbox_id, team_id, assignee_id, day, measure, clock, bucket, n, sum_s, min_s, max_s)
  SELECT p_connection, d.inbox_id, d.team_id, d.assignee_id, p_day, d.measure, d.clock, width_bucket(d.seconds / 60.0::double precision, e.edges),
         count(*), sum(d.seconds), min(d.seconds), max(d.seconds)
  FROM (SELECT inbox_id, team_id, assignee_id, clock, seconds,
               CASE kind WHEN 'first_wait' THEN 'first_response' WHEN 'reply_wait' THEN 'reply' ELSE 'resolution' END AS measure
        FROM day_facts CROSS JOIN LATERAL (VALUES ('calendar', calendar_s), ('business', business_s)) AS c(clock, seconds)
        WHERE day = p_day AND seconds IS NOT NULL
          AND (kind = 'attendance' AND outcome = 'resolved' OR outcome = 'answered' AND calendar_s <= 7 * 86400)) AS d
  CROSS JOIN (SELECT insight_edges() AS edges) AS e
  GROUP BY 2, 3, 4, 6, 7, 8;
  DROP TABLE day_facts;
  RETURN written;
END
$$;
