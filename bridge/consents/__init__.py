"""Consent inside the conversation (lgpd section 4): asking, hearing answers and words, replying, stopping what waits."""
