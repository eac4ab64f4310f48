CREATE VIEW failed_webhooks AS
SELECT 'e' || e.id::text AS id, e.connection_id, nullif(e.delivery_key, '') AS webhook_id, e.event_type, e.lane_key,
       e.cause, ''::varchar AS error, e.received_at AS failed_at
FROM webhook_events e WHERE e.status = 'parked'
UNION ALL
SELECT 's' || f.id::text, f.connection_id, NULL, f.kind, f.lane_key, f.cause, f.detail, f.updated_at
FROM effects f WHERE f.state = 'rejected';
COMMENT ON VIEW failed_webhooks IS 'Parked events and refused steps in one shape; grouped by cause on screen B2';
