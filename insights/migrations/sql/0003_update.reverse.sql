DROP FUNCTION update_ai_insights(bigint, bigint, timestamptz);
DROP FUNCTION refresh_insights(bigint, bigint[], timestamptz, boolean);
DROP FUNCTION insight_fix_rate(bigint, timestamptz);
DROP FUNCTION insight_compute(bigint, bigint[], timestamptz);
DROP FUNCTION insight_suggestions(timestamptz, numeric, timestamptz, timestamptz, timestamptz, text, integer, integer,
                                  integer, text, boolean, integer, timestamptz, text);
DROP TYPE insight_numbers;
