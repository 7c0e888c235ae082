"""A short run of `make fuzz-native`: every target, and the engine's own tests of what is read back for a part."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.native.fuzz import HERE, TARGETS, build, fuzz, missing, read_back

_SECONDS = 3.0
_FEWEST = 5  # executions, on a machine that does much else


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if reason := missing():
        pytest.skip(f"the kernels are not fuzzed: {reason}")
    folder = tmp_path_factory.mktemp("fuzz")
    build(folder)
    return folder


@pytest.mark.parametrize("target", TARGETS)
def test_a_kernel_stands_what_is_thrown_at_it(target: str, built: Path) -> None:
    outcome = fuzz(built, target, _SECONDS)
    assert outcome.finding == ""
    assert outcome.executions >= _FEWEST


def test_the_bridge_to_the_jpeg_encoder_stands_refused_allocations(built: Path) -> None:
    outcome = read_back(built, ["tests/native/jpeg_allocations.py"])
    assert outcome.finding == ""
    assert outcome.executions > 0


def test_a_fault_is_found(built: Path, tmp_path: Path) -> None:
    """The same program with one byte less to write to than the kernel is promised."""
    assert (built / "fuzz_rows").is_file()
    planted = tmp_path / "planted"
    shutil.copytree(HERE, planted)
    source = (HERE / "fuzz_rows.c").read_text()
    hurt = source.replace("malloc(rows * (length + 1))", "malloc(rows * (length + 1) - 1)")
    assert hurt != source
    (planted / "fuzz_rows.c").write_text(hurt)
    build(tmp_path / "built", ["rows"], planted)
    assert "heap-buffer-overflow" in fuzz(tmp_path / "built", "rows", _SECONDS).finding
