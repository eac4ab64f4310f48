"""What the ORM has no word for: partitioned tables and migrations written as SQL files."""
