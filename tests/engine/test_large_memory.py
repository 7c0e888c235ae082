"""The largest pictures stay within the memory that is promised to them, each in a process as the worker's children."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from leanpix.domain.formats import OutputFormat
from leanpix.domain.request import CompressionOptions
from leanpix.engine.facts import Limits
from leanpix.engine.libraries.native import load_native
from leanpix.engine.reading.probe import probe
from leanpix.engine.resources import resource_budget
from leanpix.worker.children.environment import FIXED_ENVIRONMENT

SIDE_PX = 8000
BAR_BYTES = 700_000_000
GIB = 1024**3
RUN = """
import json, re, sys
from pathlib import Path
from leanpix.domain.formats import OutputFormat
from leanpix.domain.request import CompressionOptions
from leanpix.engine import compress
options = json.loads(sys.argv[2])
options = CompressionOptions(**options | {"format": OutputFormat(options["format"])})
done = compress(Path(sys.argv[1]).read_bytes(), options)
print(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1], done.report.encoder)
"""


@pytest.fixture(scope="module")
def cut_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Smooth colours under an alpha of soft stripes, 64 megapixels."""
    x, y = np.arange(SIDE_PX, dtype=np.uint32), np.arange(SIDE_PX, dtype=np.uint32)[:, None]
    pixels = np.empty((SIDE_PX, SIDE_PX, 4), np.uint8)
    pixels[:, :, 0], pixels[:, :, 1] = x // 32, y // 32
    pixels[:, :, 2] = (x + y) // 64
    pixels[:, :, 3] = np.minimum(x % 1000, 255)
    path = tmp_path_factory.mktemp("large") / "cut-out.png"
    Image.fromarray(pixels).save(path, compress_level=1)
    return path


@pytest.mark.skipif(load_native() is None, reason="the native library was not built")
@pytest.mark.parametrize("kind", [OutputFormat.JPG, OutputFormat.WEBP, OutputFormat.PNG])
@pytest.mark.parametrize("asked", [{"quality": 80}, {}])
def test_64_megapixels_with_alpha_stay_within_their_budget(
    cut_out: Path, kind: OutputFormat, asked: dict[str, int]
) -> None:
    assert_within_budget(cut_out, kind, asked)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Soft-edged shapes in many colours on a transparent ground, 64 megapixels."""
    tile = Image.new("RGBA", (1000, 1000))
    draw, random = ImageDraw.Draw(tile), np.random.default_rng(1)
    for left, top, *colour in random.integers(0, 256, (150, 5)).tolist():
        draw.ellipse((4 * left, 4 * top, 4 * left + 90, 4 * top + 60), (*colour, 255))
    pixels = np.tile(np.asarray(tile.reduce(2)), (16, 16, 1))
    pixels[:, :, :3] ^= (np.arange(SIDE_PX) // 500 * 9).astype(np.uint8)[:, None, None]
    path = tmp_path_factory.mktemp("large") / "drawn.png"
    Image.fromarray(pixels).save(path, compress_level=1)
    return path


@pytest.mark.skipif(load_native() is None, reason="the native library was not built")
def test_64_megapixels_that_are_kept_without_loss_stay_within_their_budget(drawn: Path) -> None:
    told = assert_within_budget(drawn, OutputFormat.WEBP, {"max_bytes": 30_000_000})
    assert told == "own lossless"


@pytest.fixture(scope="module")
def colourful(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thin saturated lines over colours, whole chroma, 64 megapixels without alpha."""
    x, y = np.arange(SIDE_PX, dtype=np.uint32), np.arange(SIDE_PX, dtype=np.uint32)[:, None]
    pixels = np.empty((SIDE_PX, SIDE_PX, 3), np.uint8)
    pixels[:, :, 0], pixels[:, :, 1], pixels[:, :, 2] = x // 31, y // 31, 128
    pixels[::64, :, 0] = pixels[:, ::64, 2] = 255
    path = tmp_path_factory.mktemp("large") / "colourful.jpg"
    Image.fromarray(pixels).save(path, quality=92, subsampling=0)
    return path


@pytest.mark.skipif(load_native() is None, reason="the native library was not built")
@pytest.mark.parametrize("asked", [(OutputFormat.WEBP, 80), (OutputFormat.JPG, 80), (OutputFormat.JPG, 95)])
def test_64_megapixels_of_thin_colour_stay_within_their_budget(
    colourful: Path, asked: tuple[OutputFormat, int]
) -> None:
    kind, quality = asked
    assert_within_budget(colourful, kind, {"quality": quality}, bar_bytes=GIB)


def assert_within_budget(source: Path, kind: OutputFormat, asked: dict[str, int], bar_bytes: int = BAR_BYTES) -> str:
    """Compress in a process of its own; returns the encoder's name."""
    command = [sys.executable, "-c", RUN, str(source), json.dumps({"format": kind, **asked})]
    environment = {"PATH": os.environ["PATH"], **FIXED_ENVIRONMENT}
    told = subprocess.run(command, env=environment, text=True, capture_output=True, check=True)
    kilobytes, encoder = told.stdout.strip().split(" ", 1)
    options = CompressionOptions(format=kind, **asked)  # type: ignore[arg-type] # a number
    budget = resource_budget(probe(source.read_bytes(), Limits()), options)
    assert int(kilobytes) * 1024 <= min(bar_bytes, budget.memory_bytes)
    return encoder
