"""Fetching what callers point at, without letting them point at the inside."""
