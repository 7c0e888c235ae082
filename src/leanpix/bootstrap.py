"""The only module that names concrete adapters."""
