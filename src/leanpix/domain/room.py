"""How much room a store has left."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Room:
    """Bytes of a disk: free, in all, and how many have to stay free before new work is taken."""

    free_bytes: int
    total_bytes: int
    kept_free_bytes: int

    @property
    def is_enough(self) -> bool:
        """Whether new work is taken."""
        return self.free_bytes >= self.kept_free_bytes
