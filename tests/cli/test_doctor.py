"""`leanpix doctor`: what this installation is made of and what it writes, asked of the real command."""

from __future__ import annotations

import json
import subprocess
import tomllib
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from tests.support.server import LEANPIX, clean_environment, named

from leanpix.bootstrap.extras import EXTRAS

PROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"


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


def test_it_names_every_extra_with_what_it_brings_or_what_it_would_be_for(tmp_path: Path) -> None:
    project = tomllib.loads(PROJECT.read_text())["project"]
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['watchfiles'] = None\n")
    found = told(tmp_path, {"PYTHONPATH": str(tmp_path)})["Extras"]
    assert set(found) == set(project["optional-dependencies"])
    assert found["watch"].startswith("not installed: for `leanpix watch`")
    for name, lines in project["optional-dependencies"].items():
        wheels = {Requirement(line).name for line in lines}
        assert set(EXTRAS[name].wheels) == wheels, f"leanpix[{name}] brings others"
        if name != "watch" and all(map(find_spec, ("mcp", "pi_heif", "psycopg"))):
            assert all(f"{wheel} {version(wheel)}" in found[name] for wheel in wheels)


def test_without_libjxl_it_promises_no_jpeg_xl(tmp_path: Path) -> None:
    hide = "import sys\nsys.modules['pylibjxl'] = sys.modules['imagecodecs'] = None\n"
    (tmp_path / "sitecustomize.py").write_text(hide)
    found = told(tmp_path, {"PYTHONPATH": str(tmp_path)})
    assert found["Engine"]["JPEG XL encoder"].startswith("none")
    assert found["Engine"]["formats written where named"] == "avif"
