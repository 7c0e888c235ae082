"""leanpix-metric: built from the engine's own modules, whole without leanpix, and of the same opinion."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import dist
import numpy as np
import pytest
from PIL import Image

from leanpix.engine.judging.comparison import compare, score
from leanpix.engine.judging.ssimulacra2 import Kernel, Ssimulacra2

USE = """
import importlib.abc, json, sys

class Blocked(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "leanpix" or name.startswith("leanpix."):
            raise ImportError(f"{name} is not to be had here")

sys.meta_path.insert(0, Blocked())
import numpy as np
import leanpix_metric

reference, picture, clear = (np.load(name) for name in sys.argv[1:])
found = leanpix_metric.compare(reference, picture)
print(json.dumps({
    "kernel": leanpix_metric.native_path(),
    "modules": sorted({name.partition(".")[0] for name in sys.modules}),
    "score": leanpix_metric.score(reference, picture),
    "several": leanpix_metric.Ssimulacra2(reference).score(picture),
    "clear": leanpix_metric.score(clear, picture),
    "worst": [place.fields() for place in found.worst],
    "map": leanpix_metric.heat_map(reference, found.heat).shape,
}))
"""


def built(folder: Path, **environment: str) -> Path:
    """What an unpacked wheel of the distribution holds."""
    tree = dist.staged_metric(folder / "tree")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder / "out")]
    subprocess.run(command, cwd=tree, env={**os.environ, **environment}, capture_output=True, check=True)
    (wheel,) = (folder / "out").glob("leanpix_metric-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "unpacked")
    return folder / "unpacked"


def used(place: Path, folder: Path, *pictures: np.ndarray[Any, np.dtype[np.uint8]]) -> dict[str, Any]:
    files = []
    for number, pixels in enumerate(pictures):
        files.append(str(folder / f"{number}.npy"))
        np.save(files[-1], pixels)
    environment = {**os.environ, "PYTHONPATH": str(place)}
    command = [sys.executable, "-W", "error", "-c", USE, *files]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


@pytest.mark.parametrize(
    "environment",
    [
        pytest.param({}, marks=pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")),
        {"LEANPIX_BUILD_NATIVE": "0"},
    ],
    ids=["native", "numpy"],
)
def test_the_wheel_alone_scores_as_the_engine_does(environment: dict[str, str], tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    y, x = np.mgrid[0:120, 0:150]
    reference = np.stack([x + 50, y + 90, x // 2 + y // 2], axis=2).astype(np.uint8)
    reference += rng.integers(0, 9, reference.shape, np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(reference).save(buffer, "JPEG", quality=40)
    picture = np.asarray(Image.open(buffer))
    clear = np.concatenate([reference, np.full((120, 150, 1), 200, np.uint8)], axis=2)

    told = used(built(tmp_path, **environment), tmp_path, reference, picture, clear)

    assert told["kernel"].endswith("leanpix_metric/_native.so") != bool(environment)
    assert not {"leanpix", "pyvips", "pydantic"} & set(told["modules"])
    kernel: Kernel = "numpy" if environment else "auto"
    assert told["score"] == pytest.approx(score(reference, picture, kernel=kernel), abs=1e-6)
    assert told["several"] == pytest.approx(Ssimulacra2(reference, kernel=kernel).score(picture), abs=1e-6)
    assert told["clear"] == pytest.approx(score(clear, picture, kernel=kernel), abs=1e-6)
    assert told["worst"] == [place.fields() for place in compare(reference, picture).worst]
    assert told["map"] == [120, 150, 3]


def test_a_version_other_than_leanpixs_ends_the_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = tmp_path / "root"
    copy.mkdir()
    for name in ("packaging", "LICENSE", "pyproject.toml"):
        source = dist.ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, copy / name)
    project = copy / "packaging" / "metric" / "pyproject.toml"
    project.write_text(project.read_text().replace('version = "', 'version = "9.'))
    monkeypatch.setattr(dist, "ROOT", copy)
    with pytest.raises(SystemExit, match="packaging/metric"):
        dist.staged_metric(tmp_path / "tree")
