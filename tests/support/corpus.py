"""The shared corpus of real pictures: used where it lies beside the checkout, skipped with a reason elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[3] / "shared"
CORPUS = SHARED / "corpus"


def corpus_file(name: str) -> Path:
    """A file of the corpus; skips the test where the corpus is missing."""
    if not CORPUS.is_dir():
        pytest.skip("the shared picture corpus is not beside this checkout")
    return CORPUS / name
