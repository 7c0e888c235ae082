"""What is said of the native kernels at start."""

from __future__ import annotations

from pathlib import Path

import leanpix.engine.libraries.native
from leanpix.worker.kernels import LIBRARY, REASON, engine_folder, kernels_in_words


def test_kernels_that_are_there_are_told(tmp_path: Path) -> None:
    (tmp_path / LIBRARY).write_bytes(b"")
    assert kernels_in_words(tmp_path) == "with its native kernels"


def test_missing_kernels_are_told_with_the_reason_and_what_it_costs(tmp_path: Path) -> None:
    (tmp_path / REASON).write_text("no C compiler (cc)")
    told = kernels_in_words(tmp_path)
    assert told.startswith("without its native kernels (no C compiler (cc)): ")
    assert "5 times" in told
    assert "\n" not in told


def test_it_looks_where_the_engine_and_the_build_have_the_library() -> None:
    assert engine_folder() / LIBRARY == leanpix.engine.libraries.native.LIBRARY
    assert engine_folder() / REASON == leanpix.engine.libraries.native.REASON
