-- 1 up to 15 minutes, 0 from one day on, between them by the logarithm; NULL for NULL.
CREATE FUNCTION insight_speed(p_minutes double precision) RETURNS double precision LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN p_minutes <= 15 THEN 1 WHEN p_minutes >= 1440 THEN 0 ELSE 1 - ln(p_minutes / 15) / ln(96) END
$$;

-- Engagement from the decayed sum of patient messages, 0 to 1.
CREATE FUNCTION insight_engagement(p_raw double precision) RETURNS double precision LANGUAGE sql IMMUTABLE AS $$
  SELECT 1 - exp(-coalesce(p_raw, 0) / 4)
$$;

CREATE FUNCTION insight_engagement_level(p_engagement double precision) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN p_engagement >= 0.60 THEN 'high' WHEN p_engagement >= 0.25 THEN 'medium' ELSE 'low' END
$$;

-- The parts of the score, in their order; missing ones are left out. `points` and the penalty's negative points add up
-- to the score before rounding. p_ratings_sum is the sum of (rating - 1) / 4. p_place is the place of the stage, the
-- number of stages before won for a won opportunity, 0 for a lost one.
CREATE FUNCTION insight_parts(
  p_resolved integer, p_conversations integer, p_clinic_rate double precision, p_median_min double precision,
  p_engagement double precision, p_ratings_sum double precision, p_ratings integer, p_place integer, p_stages integer,
  p_open_wait_min double precision)
RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
  WITH parts (place, part, weight, value, inputs) AS (
    VALUES
      (1, 'resolution', 0.30,
       CASE WHEN p_conversations > 0 THEN (p_resolved + 2 * p_clinic_rate) / (p_conversations + 2) END,
       jsonb_build_object('resolved', p_resolved, 'conversations', p_conversations,
                          'clinic_rate', round(p_clinic_rate::numeric, 4))),
      (2, 'speed', 0.25, insight_speed(p_median_min),
       jsonb_build_object('median_min', round(p_median_min::numeric, 2))),
      (3, 'engagement', 0.20, p_engagement, jsonb_build_object('engagement', round(p_engagement::numeric, 4))),
      (4, 'satisfaction', 0.15, CASE WHEN p_ratings > 0 THEN (p_ratings_sum + 1.5) / (p_ratings + 2) END,
       jsonb_build_object('ratings', p_ratings)),
      (5, 'progress', 0.10, CASE WHEN p_stages > 0 THEN p_place::double precision / p_stages END,
       jsonb_build_object('stage', p_place, 'stages', p_stages))
  ),
  present AS (SELECT *, sum(weight) OVER () AS weights FROM parts WHERE value IS NOT NULL)
  SELECT jsonb_agg(entry ORDER BY place) FROM (
    SELECT place, jsonb_build_object(
             'part', part, 'weight', weight, 'value', round(value::numeric, 4), 'inputs', inputs,
             'points', round((10 * weight * value / weights)::numeric, 6),
             'ceiling', round(10 * weight / weights, 6)) AS entry
    FROM present
    UNION ALL
    SELECT 6, jsonb_build_object('part', 'waiting', 'points', -round(least(1, p_open_wait_min / 240)::numeric, 6),
                                 'inputs', jsonb_build_object('open_wait_min', round(p_open_wait_min::numeric, 2)))
    WHERE p_open_wait_min > 0
  ) AS entries
$$;

CREATE FUNCTION insight_score(p_parts jsonb) RETURNS numeric LANGUAGE sql IMMUTABLE AS $$
  -- greatest() and least() would make a number out of nothing.
  SELECT CASE WHEN count(*) > 0 THEN round(greatest(0, least(10, sum((part ->> 'points')::numeric))), 1) END
  FROM jsonb_array_elements(p_parts) AS part
$$;

-- The place of a stage in its pipeline as `connections.pipelines` holds it: won counts as the end, lost as nothing.
CREATE FUNCTION insight_stage(p_pipelines jsonb, p_pipeline bigint, p_stage bigint,
                              OUT place integer, OUT stages integer, OUT code text)
LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE s.item ->> 'code' WHEN 'won' THEN n.stages WHEN 'lost' THEN 0 ELSE s.place::integer END, n.stages,
         s.item ->> 'code'
  FROM jsonb_array_elements(p_pipelines) AS p(item)
  CROSS JOIN LATERAL (SELECT count(*)::integer AS stages FROM jsonb_array_elements(p.item -> 'stages') AS x(item)
                      WHERE x.item ->> 'code' NOT IN ('won', 'lost')) AS n
  CROSS JOIN LATERAL jsonb_array_elements(p.item -> 'stages') WITH ORDINALITY AS s(item, place)
  WHERE (p.item ->> 'id')::bigint = p_pipeline AND (s.item ->> 'id')::bigint = p_stage
$$;
