"""Krayin → Chatwoot: hints by webhook, truth by REST, results as steps of the same ledger (DESIGN section 8)."""
