"""The engine: bytes and values in, bytes and a report out. No HTTP, SQL, environment or global state."""
