DROP FUNCTION insight_conversation_facts(uuid[], timestamptz);
DROP FUNCTION insight_next_opening(bigint, text, timestamptz);
DROP FUNCTION insight_unit(bigint, bigint);
DROP FUNCTION insight_edges();
