"""Make a connection from what a person knows: addresses, a token, a user. Safe to run again (DESIGN section 8)."""
