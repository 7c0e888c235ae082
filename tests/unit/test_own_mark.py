"""The mark of own results: there after marking, pixels unchanged, read by independent decoders, dropped by editors."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from tests.support.pictures import encoded, gradient

from leanpix.domain.own_mark import mark_of, marked

FILES = {
    "jpeg": encoded(gradient(90, 70)),
    "progressive jpeg": encoded(gradient(90, 70), progressive=True, quality=50),
    "jpeg with a comment": encoded(gradient(90, 70), comment=b"mine"),
    "png": encoded(gradient(90, 70), "PNG"),
    "palette png": encoded(gradient(90, 70).quantize(20), "PNG"),
    "lossy webp": encoded(gradient(91, 70), "WEBP"),
    "lossless webp": encoded(gradient(90, 71), "WEBP", lossless=True),
    "lossy webp with alpha": encoded(gradient(90, 70).convert("RGBA"), "WEBP"),
    "lossless webp with alpha": encoded(gradient(33, 1).convert("LA").convert("RGBA"), "WEBP", lossless=True),
    "webp with a profile": encoded(gradient(90, 70), "WEBP", icc_profile=b"x" * 131),
}


def pixels(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGBA")


@pytest.mark.parametrize("name", FILES)
def test_a_marked_file_has_the_same_pixels_and_the_note(name: str) -> None:
    data = FILES[name]
    done = marked(data, "near-lossless 6")
    assert mark_of(data) is None
    assert mark_of(done) == "near-lossless 6"
    assert mark_of(marked(data)) == ""
    assert marked(done) == done
    assert len(marked(data)) - len(data) <= 36
    np.testing.assert_array_equal(np.asarray(pixels(done)), np.asarray(pixels(data)))
    assert Image.open(io.BytesIO(done)).size == Image.open(io.BytesIO(data)).size


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_what_an_editor_saves_anew_has_no_mark(kind: str) -> None:
    opened = Image.open(io.BytesIO(marked(encoded(gradient(), kind))))
    file = io.BytesIO()
    Image.fromarray(np.asarray(opened)).save(file, kind)
    assert mark_of(file.getvalue()) is None


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WEBP"])
def test_what_is_no_picture_has_no_mark(data: bytes) -> None:
    assert mark_of(data) is None
    marked(data)


@pytest.mark.parametrize("name", FILES)
def test_no_cut_of_a_file_raises(name: str) -> None:
    done = marked(FILES[name])
    for length in range(0, min(len(done), 400), 7):
        mark_of(done[:length])
        marked(FILES[name][:length])


def test_a_note_is_short_and_plain() -> None:
    with pytest.raises(ValueError, match="note"):
        marked(FILES["png"], "Ä")
