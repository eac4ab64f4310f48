DROP VIEW failed_webhooks;
