"""Claim, execute in a killable child, settle."""
