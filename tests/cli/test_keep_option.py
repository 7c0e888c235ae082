"""What `--keep` keeps, and how a word that is none is told."""

from __future__ import annotations

from pathlib import Path

from PIL import Image
from tests.support.batch import compress
from tests.support.pictures import gradient

from leanpix.domain.holding import Holding


def marked(path: Path) -> Path:
    block = Image.Exif()
    block[0x8298], block[0x010F] = "Ann", "a camera"
    gradient(160, 120).save(path, quality=98, exif=block)
    return path


def test_what_is_named_stays_and_the_rest_is_told(tmp_path: Path) -> None:
    path = marked(tmp_path / "hat.jpg")
    done = compress(tmp_path, path, "--in-place", "--quality", "60", "--keep", "copyright", "--keep", "date")
    assert done.rows[0]["lost"] == [Holding.CAMERA]
    with Image.open(path) as picture:
        assert picture.getexif()[0x8298] == "Ann"


def test_a_word_that_is_none_is_named_with_those_that_are(tmp_path: Path) -> None:
    refused = compress(tmp_path, marked(tmp_path / "hat.jpg"), "--keep", "soul")
    assert (refused.code, "soul" in refused.errors, "gainmap" in refused.errors) == (2, True, True)
