"""Fetching sources from addresses that may be hostile."""
