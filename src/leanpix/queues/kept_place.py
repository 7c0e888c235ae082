"""A slot of this process's queue that is kept for one task."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class KeptPlace(NamedTuple):
    """A `Place`: one of the two is called, once."""

    begin: Callable[[], None]
    give_back: Callable[[], None]
