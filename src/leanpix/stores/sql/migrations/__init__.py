"""Schema revisions, for SQLite and PostgreSQL alike."""
