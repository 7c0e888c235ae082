"""The shared corpus of real pictures where it lies beside the checkout, made-up stand-ins for its files elsewhere."""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path

import pytest
from tests.support.samples import EXPECTED, STAND_INS, sample_file

SHARED = Path(__file__).resolve().parents[3] / "shared"
CORPUS = SHARED / "corpus"
NO_CORPUS = "the shared picture corpus is not beside this checkout"

needs_photographs = pytest.mark.skipif(
    not CORPUS.is_dir(), reason=f"{NO_CORPUS}, and this is of real photographs: made-up ones are unlike them"
)


def corpus_file(name: str) -> Path:
    """A file of the corpus, or its stand-in; skips the test where there is neither."""
    if CORPUS.is_dir():
        return CORPUS / name
    sample = sample_file(name)
    if sample is None:
        pytest.skip(f"{NO_CORPUS}, and nothing stands in for {name}")
    return sample


@cache
def expected_by_name() -> dict[str, str]:
    """What each file is to come to, in the manifest's words."""
    if not CORPUS.is_dir():
        return {name: EXPECTED.get(name, "ok") for name in STAND_INS}
    with (CORPUS / "manifest.tsv").open(encoding="utf-8", newline="") as file:
        return {row["file"]: row["expected"] for row in csv.DictReader(file, delimiter="\t")}
