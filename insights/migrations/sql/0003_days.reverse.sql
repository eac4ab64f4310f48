DROP FUNCTION rebuild_insight_day(bigint, date);
