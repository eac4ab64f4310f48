DROP FUNCTION insight_stage(jsonb, bigint, bigint);
DROP FUNCTION insight_score(jsonb);
DROP FUNCTION insight_parts(integer, integer, double precision, double precision, double precision, double precision,
                            integer, integer, integer, double precision);
DROP FUNCTION insight_engagement_level(double precision);
DROP FUNCTION insight_engagement(double precision);
DROP FUNCTION insight_speed(double precision);
