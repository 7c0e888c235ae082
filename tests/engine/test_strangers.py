"""What is no accepted picture is told by name, and with what is accepted."""

from __future__ import annotations

import base64
import io

import pytest
from PIL import Image

from leanpix.domain.errors import TaskFailure
from leanpix.domain.request import CompressionOptions
from leanpix.domain.states import TaskState
from leanpix.engine import compress


def picture(kind: str) -> bytes:
    made = io.BytesIO()
    Image.new("RGB", (32, 32), (200, 30, 90)).save(made, kind)
    return made.getvalue()


STRANGERS = {
    "SVG": (b'<?xml version="1.0"?>\n<!-- a hat -->\n<svg xmlns="http://www.w3.org/2000/svg"/>', "an SVG drawing"),
    "page": (b"\n<!DOCTYPE html><html><body><svg/></body></html>", "an HTML page"),
    "feed": (b"<rss/>", "XML"),
    "words": ("Nicht gefunden: Hüte".encode(), "text"),
    "a file's name": (b"photos/My hat.JPG", "the name of a file and not its content"),
    "a link": (b"https://shop.example/hat.png\n", "a link and not what it leads to"),
    "JPEG as base64": (base64.b64encode(picture("JPEG")), "a picture as base64 text"),
    "PNG as base64": (base64.encodebytes(picture("PNG")), "a picture as base64 text"),
    "WebP as base64": (base64.b64encode(picture("WEBP")), "a picture as base64 text"),
    "GIF as base64": (base64.b64encode(picture("GIF")), "a picture as base64 text"),
    "data URI": (b"data:image/png;base64," + base64.b64encode(picture("PNG")), "a picture as base64 text"),
    "words that name a file": (b"There is no such file:\nhat.jpg", "it is text"),
    "words that are cut": (b"a" * 4095 + "ü".encode(), "text"),
    "film": (b"\0\0\0\x18ftypisom\0\0\2\0isomiso2", "a film"),
    "icon": (picture("ICO"), "an icon (ICO)"),
    "PDF": (picture("PDF"), "a PDF document"),
    "PPM": (picture("PPM"), "Netpbm"),
    "PSD": (b"8BPS\0\1" + bytes(20), "Photoshop"),
    "ZIP": (b"PK\3\4" + bytes(30), "a ZIP archive"),
    "unknown": (bytes(range(256)), "its bytes are those of"),
    "letters in no coding": (b"H\xfcte " * 900, "its bytes are those of"),
}


@pytest.mark.parametrize("name", STRANGERS)
def test_a_stranger_is_told_by_name(name: str) -> None:
    source, kind = STRANGERS[name]
    with pytest.raises(TaskFailure) as failed:
        compress(source, CompressionOptions())
    assert failed.value.state is TaskState.INVALID_IMAGE
    assert kind in str(failed.value)
    assert "JPEG, PNG, WebP" in str(failed.value)


def test_an_empty_file_is_told_as_that() -> None:
    with pytest.raises(TaskFailure, match="it is empty"):
        compress(b"", CompressionOptions())
