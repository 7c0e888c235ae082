"""`leanpix doctor`: what this installation is made of."""

from __future__ import annotations


def doctor() -> None:
    """Say what works here and what is off."""
