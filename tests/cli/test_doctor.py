"""`leanpix doctor`: what this installation is made of and what it writes, asked of the real command."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.support.server import LEANPIX, clean_environment, named


def told(folder: Path, environment: dict[str, str] | None = None, **settings: str) -> dict[str, Any]:
    command = [str(LEANPIX), "doctor", "--json", "--data-dir", str(folder / "data")]
    everything = clean_environment() | named(settings) | (environment or {})
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=everything)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_it_tries_a_picture_and_names_codecs_formats_and_layers(tmp_path: Path) -> None:
    found = told(tmp_path)
    assert found["healthy"] is True
    assert found["Trial"]["compression"].startswith("ok")
    assert found["Engine"]["formats written"] == "jpg, png, webp"
    assert found["Engine"]["formats written where named"] == "avif, jxl"
    assert found["API"]["formats a request may name"] == "jpg, png, webp, avif, jxl"
    assert found["Protection"]
    assert not (tmp_path / "data").exists(), "looking made something"


def test_it_says_what_the_api_takes_besides(tmp_path: Path) -> None:
    found = told(tmp_path, extra_formats="avif")
    assert found["API"]["formats a request may name"] == "jpg, png, webp, avif"


def test_it_names_the_extra_that_heic_takes(tmp_path: Path) -> None:
    here = told(tmp_path)["Engine"]
    assert here["HEIC reader"].startswith("libheif 1.")
    assert here["formats read"].endswith("heic")
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['pi_heif'] = None\n")
    without = told(tmp_path, {"PYTHONPATH": str(tmp_path)})["Engine"]
    assert "leanpix[heic]" in without["HEIC reader"]
    assert "heic" not in without["formats read"]


def test_without_libjxl_it_promises_no_jpeg_xl(tmp_path: Path) -> None:
    hide = "import sys\nsys.modules['pylibjxl'] = sys.modules['imagecodecs'] = None\n"
    (tmp_path / "sitecustomize.py").write_text(hide)
    found = told(tmp_path, {"PYTHONPATH": str(tmp_path)})
    assert found["Engine"]["JPEG XL encoder"].startswith("none")
    assert found["Engine"]["formats written where named"] == "avif"
