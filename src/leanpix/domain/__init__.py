"""Frozen values and the rules between them: no I/O, no framework, no clock."""
