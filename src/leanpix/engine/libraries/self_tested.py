"""One rule for what is used of a library beyond its interface: opened, tried on a small picture, or done without."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

Native = TypeVar("Native")


def self_tested(
    opened: Callable[[], Native],
    difference: Callable[[Native], str | None],
    works: str,
    failures: tuple[type[Exception], ...],
) -> tuple[Native | None, str]:
    """What opened() gives, if difference() finds nothing wrong with it, and `works`; otherwise None and what is wrong.

    failures: what either may raise where the library is another than expected. A library without a function
    (AttributeError) or that does not load (OSError) counts as well.
    """
    try:
        native = opened()
        wrong = difference(native)
    except failures + (OSError, AttributeError) as error:  # noqa: RUF005 - mypy knows no exceptions in a starred tuple
        return None, str(error)
    return (native, works) if wrong is None else (None, wrong)
