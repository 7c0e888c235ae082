"""Files for a batch on the web page, small enough that twenty take a moment."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Page, expect
from tests.support.pictures import encoded

BATCH_MS = 120_000


def textured(seed: int, width: int = 160, height: int = 120) -> Image.Image:
    """A picture with detail in it, another for every seed."""
    noise = np.random.default_rng(seed).normal(0, 12, (height, width, 3))
    y, x = np.mgrid[0:height, 0:width]
    waves = np.stack([np.sin(x / (9 + seed)), np.cos(y / 11), np.sin((x + y) / 17)], axis=-1) * 80 + 128
    return Image.fromarray(np.clip(waves + noise, 0, 255).astype(np.uint8))


def write_batch(folder: Path, many: int) -> list[Path]:
    """JPEG, PNG and WebP in turn, named by number."""
    kinds = [("JPEG", "jpg"), ("PNG", "png"), ("WEBP", "webp")]
    paths = []
    for number in range(many):
        kind, extension = kinds[number % len(kinds)]
        path = folder / f"picture {number:02}.{extension}"
        options = {"lossless": True} if kind == "WEBP" else {}
        path.write_bytes(encoded(textured(number), kind, **options))
        paths.append(path)
    return paths


def pick(page: Page, *paths: Path) -> None:
    """Choose files, and wait until each of them has ended."""
    before = page.locator(".file").count()
    page.set_input_files("#pick-files", [str(path) for path in paths])
    expect(page.locator(".file")).to_have_count(before + len(paths))
    settled(page)


def settled(page: Page) -> None:
    """Wait until nothing is under way."""
    expect(page.locator(".file[aria-busy=true]")).to_have_count(0, timeout=BATCH_MS)


def download(page: Page, button: str) -> bytes:
    """What the browser saves when a button is pressed."""
    with page.expect_download() as waiting:
        page.click(button)
    return Path(waiting.value.path()).read_bytes()


def unzipped(content: bytes) -> dict[str, bytes]:
    """A ZIP's files by name; every checksum is checked."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}
