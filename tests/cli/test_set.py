"""`leanpix set`: the files, the manifest, the ZIP and the HTML, made by the real command."""

from __future__ import annotations

import io
import json
import subprocess
import zipfile
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image
from tests.support.pictures import encoded, gradient
from tests.support.server import LEANPIX, clean_environment


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(LEANPIX), "set", *arguments], capture_output=True, text=True, check=False, env=clean_environment()
    )


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "red hat.jpg"
    path.write_bytes(encoded(gradient(240, 120)))
    return path


class Sources(HTMLParser):
    """The attributes of the elements in their order."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_files_and_a_manifest_beside_the_picture(picture: Path) -> None:
    done = run(str(picture), "--widths", "60,120", "--formats", "avif,webp,jpg", "--quality", "60")
    assert (done.returncode, done.stderr) == (0, "")
    manifest = json.loads((picture.parent / "red hat.json").read_text())
    assert len(manifest["images"]) == 6
    for image in manifest["images"]:
        data = (picture.parent / image["name"]).read_bytes()
        assert len(data) == image["bytes"]
        assert Image.open(io.BytesIO(data)).size == (image["width"], image["height"])


def test_the_html_names_every_file_and_has_a_ground(picture: Path, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    done = run(str(picture), "--widths", "60,120", "--html", "--alt", 'A "hat"', "--sizes", "50vw", "-o", str(folder))
    parser = Sources()
    parser.feed(done.stdout)
    kinds = [tag for tag, _ in parser.found]
    assert kinds == ["picture", "source", "source", "img"]
    image = parser.found[-1][1]
    assert (image["alt"], image["sizes"], image["width"], image["height"]) == ('A "hat"', "50vw", "120", "60")
    assert (image["style"] or "").startswith("background:#")
    named = [one for _, found in parser.found for one in (found.get("srcset") or "").split(", ") if one]
    assert len(named) == 6
    for one in named:
        name, width = one.split(" ")
        assert (folder / name.replace("%20", " ")).is_file()
        assert width in {"60w", "120w"}


def test_one_zip_in_place_of_the_files(picture: Path) -> None:
    assert run(str(picture), "--widths", "60", "--formats", "webp", "--zip").returncode == 0
    with zipfile.ZipFile(picture.parent / "red hat.zip") as archive:
        assert archive.namelist() == ["60.webp", "manifest.json"]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [(["--widths", "0"], "widths"), (["--widths", "a"], "widths"), (["--formats", "heic"], "heic")],
)
def test_wrong_usage_is_named(picture: Path, arguments: list[str], named: str) -> None:
    done = run(str(picture), *arguments)
    assert done.returncode == 2
    assert named in done.stderr


def test_what_is_no_picture_ends_in_words(tmp_path: Path) -> None:
    path = tmp_path / "no.jpg"
    path.write_bytes(b"no picture")
    done = run(str(path))
    assert (done.returncode, "Invalid image" in done.stderr) == (1, True)
