"""The largest pictures stay within the memory that is promised to them, each in a process as the worker's children."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from leanpix.domain.formats import OutputFormat
from leanpix.domain.request import CompressionOptions
from leanpix.engine.limits import Limits, resource_budget
from leanpix.engine.native import load_native
from leanpix.engine.probe import probe
from leanpix.worker.environment import FIXED_ENVIRONMENT

SIDE_PX = 8000
BAR_BYTES = 700_000_000
RUN = """
import json, re, sys
from pathlib import Path
from leanpix.domain.formats import OutputFormat
from leanpix.domain.request import CompressionOptions
from leanpix.engine import compress
options = json.loads(sys.argv[2])
compress(Path(sys.argv[1]).read_bytes(), CompressionOptions(**options | {"format": OutputFormat(options["format"])}))
print(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
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
    command = [sys.executable, "-c", RUN, str(cut_out), json.dumps({"format": kind, **asked})]
    environment = {"PATH": os.environ["PATH"], **FIXED_ENVIRONMENT}
    told = subprocess.run(command, env=environment, text=True, capture_output=True, check=True)
    peak_bytes = int(told.stdout) * 1024
    options = CompressionOptions(format=kind, **asked)  # type: ignore[arg-type] # a quality alone
    budget = resource_budget(probe(cut_out.read_bytes(), Limits()), options)
    assert peak_bytes <= min(BAR_BYTES, budget.memory_bytes)
