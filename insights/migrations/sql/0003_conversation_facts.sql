-- Edges of the histograms, in minutes: whole minutes up to 10, then 10 % apart; 60, 240, 480 and 1440 are among them.
CREATE FUNCTION insight_edges() RETURNS double precision[] LANGUAGE sql STABLE AS $$
  SELECT array_agg(edge ORDER BY edge) FROM (
    SELECT DISTINCT round(power(1.1, i)) AS edge FROM generate_series(0, 140) AS i
    UNION SELECT unnest(ARRAY[60, 240, 480, 1440]::double precision[])
  ) AS edges
$$;

-- The unit an inbox belongs to, and its zone; the unit is NULL where nobody entered hours.
CREATE FUNCTION insight_unit(p_connection bigint, p_inbox bigint, OUT unit_id bigint, OUT zone text)
LANGUAGE sql STABLE AS $$
  SELECT CASE WHEN EXISTS (SELECT FROM opening_hours h WHERE h.unit_id = coalesce(own.id, rest.id))
              THEN coalesce(own.id, rest.id) END,
         coalesce(nullif(CASE WHEN own.id IS NULL THEN rest.time_zone ELSE own.time_zone END, ''), clinics.time_zone)
  FROM connections
  JOIN clinics ON clinics.id = connections.clinic_id
  LEFT JOIN unit_inboxes ON unit_inboxes.connection_id = connections.id AND unit_inboxes.inbox_id = p_inbox
  LEFT JOIN units own ON own.id = unit_inboxes.unit_id
  LEFT JOIN units rest ON rest.clinic_id = connections.clinic_id AND rest.is_default
  WHERE connections.id = p_connection
$$;

-- When a unit opens next after a moment; NULL within 14 closed days. While it is open: that moment itself.
CREATE FUNCTION insight_next_opening(p_unit bigint, p_zone text, p_now timestamptz) RETURNS timestamptz
LANGUAGE sql STABLE AS $$
  SELECT greatest(p_now, opens) FROM (
    SELECT (d + make_interval(mins => h.opens_min)) AT TIME ZONE p_zone AS opens,
           (d + make_interval(mins => h.closes_min)) AT TIME ZONE p_zone AS closes
    FROM generate_series((p_now AT TIME ZONE p_zone)::date::timestamp,
                         (p_now AT TIME ZONE p_zone)::date + interval '14 days', interval '1 day') AS d
    JOIN opening_hours h ON h.unit_id = p_unit AND h.weekday = extract(isodow FROM d)
    WHERE NOT EXISTS (SELECT FROM closed_days x WHERE x.unit_id = p_unit AND x.day = d::date)
  ) AS stretches
  WHERE closes > p_now ORDER BY opens LIMIT 1
$$;

-- Everything the numbers need of some conversations, from times, directions, authors and states alone:
--   conversation   one row: messages in total, first and last of them, last of each side; day = day of the first
--   day            one row per local day with messages; number = its age in days
--   attendance     an opening or reopening (number 1, 2, …) until its resolution; outcome resolved | open; day = of its
--                  end; before_at = resolution before it, after_at = reopening after it
--   first_wait,    a patient's message (or the hand-over by a bot after it) until a person of the clinic writes;
--   reply_wait     outcome answered | unanswered | open; day = of its end
-- calendar_s, business_s: seconds by both clocks, until p_now for what is open; business_s is NULL without hours.
CREATE FUNCTION insight_conversation_facts(p_conversations uuid[], p_now timestamptz)
RETURNS TABLE (
  conversation_id uuid, kind text, number integer, outcome text, day date, started_at timestamptz,
  ended_at timestamptz, before_at timestamptz, after_at timestamptz, calendar_s integer, business_s integer,
  patient_messages integer, human_messages integer, bot_messages integer, last_patient_at timestamptz,
  last_human_at timestamptz)
LANGUAGE sql STABLE ROWS 2000
-- Nobody knows beforehand how long the lists are: nested loops over them grow with the square [measured 1.2 ms against
-- 0.1 ms an opportunity at 500], and compiling takes longer than running.
SET enable_nestloop = off SET jit = off AS $$
WITH inboxes AS MATERIALIZED (
  SELECT i.connection_id, i.inbox_id, u.unit_id, u.zone
  FROM (SELECT DISTINCT connection_id, inbox_id FROM observed_conversations WHERE id = ANY(p_conversations)) i
  CROSS JOIN LATERAL insight_unit(i.connection_id, i.inbox_id) u
),
scope AS MATERIALIZED (
  SELECT c.id, c.status, c.started_at, i.unit_id, i.zone
  FROM observed_conversations c JOIN inboxes i ON i.connection_id = c.connection_id AND i.inbox_id = c.inbox_id
  WHERE c.id = ANY(p_conversations)
),
states AS (
  SELECT s.conversation_id, s.at, s.id, s.status,
         lag(s.status) OVER (PARTITION BY s.conversation_id ORDER BY s.at, s.id) AS former
  FROM conversation_states s WHERE s.conversation_id = ANY(p_conversations) AND s.at <= p_now
),
-- Greetings, campaigns and automations have no author; they are nobody's word.
events AS MATERIALIZED (
  SELECT m.conversation_id, m.sent_at AS at, 0 AS place, m.chatwoot_message_id AS seq,
         CASE WHEN m.direction = 'incoming' THEN 'patient' WHEN m.author_kind = 'user' THEN 'human' ELSE 'bot' END AS kind
  FROM observed_messages m
  WHERE m.conversation_id = ANY(p_conversations) AND m.sent_at <= p_now
    AND (m.direction = 'incoming'
         OR m.direction = 'outgoing' AND m.author_kind IN ('user', 'agent_bot', 'captain_assistant'))
  UNION ALL
  SELECT s.conversation_id, s.at, 1, s.id,
         CASE WHEN s.status = 'resolved' THEN 'resolved' WHEN s.former = 'resolved' THEN 'opened' ELSE 'handover' END
  FROM states s
  WHERE s.former IS DISTINCT FROM s.status
    AND (s.status = 'resolved' OR s.former = 'resolved' OR s.former = 'pending' AND s.status = 'open')
),
ordered AS MATERIALIZED (
  SELECT e.*, s.zone,
         1 + count(*) FILTER (WHERE e.kind = 'resolved') OVER earlier AS attendance,
         count(*) FILTER (WHERE e.kind IN ('resolved', 'human')) OVER earlier AS turn
  FROM events e JOIN scope s ON s.id = e.conversation_id
  WINDOW earlier AS (PARTITION BY e.conversation_id ORDER BY e.at, e.place, e.seq
                     ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
),
days AS (
  SELECT o.conversation_id, (o.at AT TIME ZONE o.zone)::date AS day, (p_now AT TIME ZONE o.zone)::date AS today,
         count(*) FILTER (WHERE o.kind = 'patient') AS patient, count(*) FILTER (WHERE o.kind = 'human') AS human,
         count(*) FILTER (WHERE o.kind = 'bot') AS bot
  FROM ordered o WHERE o.place = 0 GROUP BY 1, 2, 3
),
totals AS MATERIALIZED (
  SELECT o.conversation_id, min(o.at) FILTER (WHERE o.kind <> 'bot') AS first_at,
         max(o.at) FILTER (WHERE o.kind <> 'bot') AS last_at,
         max(o.at) FILTER (WHERE o.kind = 'patient') AS last_patient_at,
         max(o.at) FILTER (WHERE o.kind = 'human') AS last_human_at,
         count(*) FILTER (WHERE o.kind = 'patient') AS patient, count(*) FILTER (WHERE o.kind = 'human') AS human,
         count(*) FILTER (WHERE o.kind = 'bot') AS bot, min(o.zone) AS zone
  FROM ordered o WHERE o.place = 0 GROUP BY 1
  HAVING bool_or(o.kind IN ('patient', 'human'))
),
turns AS (
  SELECT o.conversation_id, o.turn, min(o.attendance) AS attendance,
         min(o.at) FILTER (WHERE o.kind = 'patient') AS asked_at,
         max(o.at) FILTER (WHERE o.kind = 'handover') AS handed_at,
         max(o.at) FILTER (WHERE o.kind IN ('human', 'resolved')) AS ended_at,
         bool_or(o.kind = 'human') AS is_answered
  FROM ordered o GROUP BY 1, 2 HAVING bool_or(o.kind = 'patient')
),
attendances AS (
  SELECT o.conversation_id, o.attendance,
         CASE WHEN o.attendance = 1 THEN least(min(s.started_at), min(o.at))
              ELSE min(o.at) FILTER (WHERE o.kind IN ('patient', 'opened')) END AS opened_at,
         max(o.at) FILTER (WHERE o.kind = 'resolved') AS resolved_at,
         count(*) FILTER (WHERE o.kind = 'patient') AS patient, count(*) FILTER (WHERE o.kind = 'human') AS human,
         count(*) FILTER (WHERE o.kind = 'bot') AS bot
  FROM ordered o JOIN scope s ON s.id = o.conversation_id GROUP BY 1, 2
  HAVING o.attendance = 1 OR bool_or(o.kind IN ('patient', 'opened'))
),
stretches AS MATERIALIZED (
  SELECT t.conversation_id,
         CASE WHEN row_number() OVER (PARTITION BY t.conversation_id, t.attendance ORDER BY t.turn) = 1
              THEN 'first_wait' ELSE 'reply_wait' END AS kind,
         t.attendance::integer AS number,
         CASE WHEN t.is_answered THEN 'answered' WHEN t.ended_at IS NOT NULL OR s.status = 'resolved' THEN 'unanswered'
              ELSE 'open' END AS outcome,
         CASE WHEN t.handed_at > t.asked_at THEN t.handed_at ELSE t.asked_at END AS started_at, t.ended_at,
         NULL::timestamptz AS before_at, NULL::timestamptz AS after_at,
         NULL::bigint AS patient, NULL::bigint AS human, NULL::bigint AS bot, s.unit_id, s.zone
  FROM turns t JOIN scope s ON s.id = t.conversation_id
  UNION ALL
  SELECT a.conversation_id, 'attendance', a.attendance::integer,
         CASE WHEN a.resolved_at IS NULL THEN 'open' ELSE 'resolved' END, a.opened_at, a.resolved_at,
         lag(a.resolved_at) OVER later, lead(a.opened_at) OVER later, a.patient, a.human, a.bot, s.unit_id, s.zone
  FROM attendances a JOIN totals t ON t.conversation_id = a.conversation_id JOIN scope s ON s.id = a.conversation_id
  WINDOW later AS (PARTITION BY a.conversation_id ORDER BY a.attendance)
),
-- The open hours of every day that a stretch touches, each with the open seconds of all days before it.
bounds AS (
  SELECT unit_id, zone, min((started_at AT TIME ZONE zone)::date) AS first,
         max((coalesce(ended_at, p_now) AT TIME ZONE zone)::date) AS last
  FROM stretches WHERE unit_id IS NOT NULL GROUP BY 1, 2
),
hours AS (
  SELECT b.unit_id, d::date AS day,
         array_agg((d + make_interval(mins => h.opens_min)) AT TIME ZONE b.zone ORDER BY h.opens_min) AS opens,
         array_agg((d + make_interval(mins => h.closes_min)) AT TIME ZONE b.zone ORDER BY h.opens_min) AS closes,
         coalesce(sum(extract(epoch FROM (d + make_interval(mins => h.closes_min)) AT TIME ZONE b.zone
                                       - (d + make_interval(mins => h.opens_min)) AT TIME ZONE b.zone)), 0) AS open_s
  FROM bounds b
  CROSS JOIN LATERAL generate_series(b.first::timestamp, b.last::timestamp, interval '1 day') AS d
  LEFT JOIN opening_hours h ON h.unit_id = b.unit_id AND h.weekday = extract(isodow FROM d)
    AND NOT EXISTS (SELECT FROM closed_days x WHERE x.unit_id = b.unit_id AND x.day = d::date)
  GROUP BY 1, 2
),
calendar AS MATERIALIZED (
  SELECT *, sum(open_s) OVER (PARTITION BY unit_id ORDER BY day) - open_s AS before_s FROM hours
),
clocked AS (
  SELECT s.*,
         CASE WHEN s.outcome <> 'unanswered'
              THEN extract(epoch FROM greatest(coalesce(s.ended_at, p_now) - s.started_at, interval '0')) END AS calendar_s,
         CASE WHEN s.outcome <> 'unanswered' AND s.unit_id IS NOT NULL THEN greatest(0,
           till.before_s + (SELECT coalesce(sum(greatest(0, extract(epoch FROM
                              least(coalesce(s.ended_at, p_now), o.closes) - o.opens))), 0)
                            FROM unnest(till.opens, till.closes) AS o(opens, closes))
           - since.before_s - (SELECT coalesce(sum(greatest(0, extract(epoch FROM
                                 least(s.started_at, o.closes) - o.opens))), 0)
                               FROM unnest(since.opens, since.closes) AS o(opens, closes))) END AS business_s
  FROM stretches s
  LEFT JOIN calendar since ON since.unit_id = s.unit_id AND since.day = (s.started_at AT TIME ZONE s.zone)::date
  LEFT JOIN calendar till ON till.unit_id = s.unit_id
    AND till.day = (coalesce(s.ended_at, p_now) AT TIME ZONE s.zone)::date
)
SELECT c.conversation_id, c.kind, c.number, c.outcome, (c.ended_at AT TIME ZONE c.zone)::date, c.started_at, c.ended_at,
       c.before_at, c.after_at, c.calendar_s::integer, c.business_s::integer, c.patient::integer, c.human::integer,
       c.bot::integer, NULL::timestamptz, NULL::timestamptz
FROM clocked c
UNION ALL
SELECT t.conversation_id, 'conversation', NULL, NULL, (t.first_at AT TIME ZONE t.zone)::date, t.first_at, t.last_at,
       NULL, NULL, NULL, NULL, t.patient::integer, t.human::integer, t.bot::integer, t.last_patient_at, t.last_human_at
FROM totals t
UNION ALL
SELECT d.conversation_id, 'day', d.today - d.day, NULL, d.day, NULL, NULL, NULL, NULL, NULL, NULL,
       d.patient::integer, d.human::integer, d.bot::integer, NULL, NULL
FROM days d
$$;
