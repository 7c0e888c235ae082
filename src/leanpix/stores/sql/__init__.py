"""Rows: SQLite on one machine, PostgreSQL on many, by the same statements."""
