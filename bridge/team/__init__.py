"""Who in Chatwoot is who in Krayin, and who gets an opportunity (screen A9)."""
