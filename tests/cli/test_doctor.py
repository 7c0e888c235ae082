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
    assert found["API"]["formats a request may name"] == "jpg, png, webp"
    assert found["Protection"]
    assert not (tmp_path / "data").exists(), "looking made something"


def test_it_says_what_the_api_takes_besides(tmp_path: Path) -> None:
    found = told(tmp_path, extra_formats="avif")
    assert found["API"]["formats a request may name"] == "jpg, png, webp, avif"


def test_without_the_extra_it_says_what_to_install_and_promises_nothing(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['imagecodecs'] = None\n")
    found = told(tmp_path, {"PYTHONPATH": str(tmp_path)})
    assert "leanpix[jxl]" in found["Engine"]["JPEG XL encoder"]
    assert found["Engine"]["formats written where named"] == "avif"
