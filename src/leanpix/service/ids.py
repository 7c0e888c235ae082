"""Ids of tasks and batches. Use cases are given how to make them, so that a simulation can make them again."""

from __future__ import annotations

import uuid


def random_id() -> str:
    """A new id that nobody can guess, as text of 36 characters."""
    return str(uuid.uuid4())
