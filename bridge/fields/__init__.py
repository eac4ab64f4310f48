"""Field mapping: which field of Chatwoot becomes which field of Krayin, and who wins (screen A7)."""
