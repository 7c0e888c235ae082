"""`leanpix score`: the real command over real files."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from PIL import Image
from tests.support.pictures import encoded, gradient
from tests.support.server import LEANPIX, clean_environment


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [str(LEANPIX), "score", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=clean_environment())


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    reference, picture = tmp_path / "reference.png", tmp_path / "made.jpg"
    reference.write_bytes(encoded(gradient(200, 120), "PNG"))
    with Image.open(reference) as opened:
        opened.convert("RGB").save(picture, quality=30)
    return reference, picture


def test_both_figures_are_printed(pair: tuple[Path, Path]) -> None:
    done = run(*pair)
    assert (done.returncode, done.stderr) == (0, "")
    score, worst = done.stdout.splitlines()
    assert score.startswith("score ")
    assert 0 < float(score.split()[1]) < 100
    assert worst.startswith("worst place ")
    assert "times what is allowed" in worst


def test_json_and_a_map(pair: tuple[Path, Path], tmp_path: Path) -> None:
    done = run(*pair, "--json", "--map", tmp_path / "heat.png")
    found = json.loads(done.stdout)
    assert found["score"] < 100
    worst = found["worst"]
    assert worst["left_px"] + worst["width_px"] <= 200
    assert worst["top_px"] + worst["height_px"] <= 120
    assert worst["ratio"] == pytest.approx(worst["value"] / worst["bound"], abs=0.01)
    with Image.open(tmp_path / "heat.png") as drawn:
        assert drawn.size == (200, 120)


def test_the_same_file_has_100(pair: tuple[Path, Path]) -> None:
    assert run(pair[0], pair[0]).stdout.startswith("score 100.00\n")


def test_other_sides_are_refused_in_words(pair: tuple[Path, Path], tmp_path: Path) -> None:
    other = tmp_path / "other.png"
    other.write_bytes(encoded(gradient(100, 60), "PNG"))
    done = run(pair[0], other)
    assert (done.returncode, done.stdout) == (1, "")
    assert "the reference is 200 x 120 and the image 100 x 60 px" in done.stderr


def test_what_is_no_picture_or_no_file_is_named(pair: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "no.png").write_bytes(b"no picture")
    done = run(tmp_path / "no.png", pair[1])
    assert done.returncode == 1
    assert "reference: Invalid image" in done.stderr
    assert run(pair[0], tmp_path / "missing.png").returncode == 2
    unwritable = run(*pair, "--map", tmp_path / "missing" / "heat.png")
    assert unwritable.returncode == 1
    assert "Traceback" not in unwritable.stderr
