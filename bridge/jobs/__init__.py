"""Long work that people start (DESIGN section 13): planned, confirmed, done in repeatable steps, below live traffic."""
