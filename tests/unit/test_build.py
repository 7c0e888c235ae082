"""The wheel: with the native library where a compiler works, whole without it, and usable either way."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = "leanpix/engine/_native.so"

USE = """
import numpy, leanpix.engine.libraries.native
from leanpix.engine.codecs.jpeg.jpegli import encode_jpegli, jpegli_backend
from leanpix.engine import score
picture = numpy.arange(64 * 64 * 3, dtype=numpy.uint8).reshape(64, 64, 3)
assert encode_jpegli(picture, distance=1, subsampling="4:4:4")[:2] == b"\\xff\\xd8"
assert score(picture, picture) == 100
print(leanpix.engine.libraries.native.native_path(), "|", jpegli_backend())
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of what the source distribution holds: the hook writes into the tree that it builds."""
    copy = tmp_path / "tree"
    ignored = shutil.ignore_patterns("*.so", "__pycache__")
    for name in ("src", "native"):
        shutil.copytree(ROOT / name, copy / name, ignore=ignored)
    for name in ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy / name)
    return copy


def build(tree: Path, **environment: str) -> tuple[Path, str]:
    """The wheel built with the given environment, and what the build said."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tree / "out")]
    done = subprocess.run(
        command, cwd=tree, env={**os.environ, **environment}, capture_output=True, text=True, check=True
    )
    (wheel,) = (tree / "out").glob("*.whl")
    return wheel, done.stdout + done.stderr


def use(wheel: Path, folder: Path) -> str:
    """What the engine out of the unpacked wheel says of itself in a fresh process."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    command = [sys.executable, "-W", "error", "-c", USE]
    return subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=True).stdout


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
def test_a_compiler_makes_a_wheel_for_this_platform_with_the_library(tree: Path, tmp_path: Path) -> None:
    wheel, said = build(tree)
    assert "-py3-none-linux_" in wheel.name
    assert "warning" not in said.lower()
    told = use(wheel, tmp_path / "unpacked")
    assert str(tmp_path / "unpacked" / LIBRARY) in told
    assert "| native:" in told


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"LEANPIX_BUILD_NATIVE": "0"}, ""),
        ({"CC": "false"}, "without its native kernels"),
        ({"CC": "/nonexistent/cc"}, "without its native kernels"),
    ],
)
def test_without_a_compiler_the_wheel_is_pure_and_works(
    tree: Path, tmp_path: Path, environment: dict[str, str], said: str
) -> None:
    (tree / "src" / LIBRARY).write_bytes(b"left over from an earlier build")
    wheel, output = build(tree, **environment)
    assert wheel.name.endswith("-py3-none-any.whl")
    assert said in output
    assert LIBRARY not in zipfile.ZipFile(wheel).namelist()
    told = use(wheel, tmp_path / "unpacked")
    assert "not built" in told
    assert "| wheel:" in told


def test_a_library_that_does_not_load_is_as_good_as_none(tree: Path, tmp_path: Path) -> None:
    wheel, _ = build(tree, LEANPIX_BUILD_NATIVE="0")
    library = tmp_path / "unpacked" / LIBRARY
    library.parent.mkdir(parents=True)
    library.write_bytes(b"built for another machine")
    told = use(wheel, tmp_path / "unpacked")
    assert "does not load" in told
    assert "| wheel:" in told
