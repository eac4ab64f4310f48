-- The triggers go with their tables.
SELECT 1;
