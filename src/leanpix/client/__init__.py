"""The Python client: needs httpx only and imports nothing else of leanpix."""
