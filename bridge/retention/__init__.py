"""What of conversations, people and opportunities falls due, and how it leaves (lgpd 3.2, 3.3)."""
