"""Whether this installation has its native kernels, told without loading the engine."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

LIBRARY, REASON = "_native.so", "_native_missing.txt"
COST = "pictures take up to 5 times as much processor time; a C compiler at the next set-up mends that"


def engine_folder() -> Path:
    """Where the engine lies, found without importing it."""
    engine = find_spec("leanpix.engine")
    assert engine is not None  # noqa: S101 - it is a part of this package
    assert engine.origin is not None  # noqa: S101 - the same
    return Path(engine.origin).parent


def kernels_in_words(engine: Path) -> str:
    """One line for people: the native kernels are there, or why not and what it costs."""
    if (engine / LIBRARY).is_file():
        return "with its native kernels"
    reason = engine / REASON
    why = reason.read_text(encoding="utf-8") if reason.is_file() else "not built"
    return f"without its native kernels ({why}): {COST}"
