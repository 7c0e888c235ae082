"""What a real Chromium shows of a picture: the judge of what browsers make of a file."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import Page, Route
from tests.support.browser import running_browser

_ORIGIN = "https://shown.test/"
"""A secure context, which ImageDecoder needs; nothing is ever fetched from there."""

_STILL = """async ([data, type]) => {
  const image = new Image();
  image.src = `data:${type};base64,${data}`;
  await image.decode();
  return SAMPLES(image, image.naturalWidth, image.naturalHeight);
}"""
_FRAMES = """async ([data, type]) => {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const decoder = new ImageDecoder({ data: bytes, type, preferAnimation: true });
  await decoder.tracks.ready;
  await decoder.completed;
  const frames = [];
  for (let frameIndex = 0; frameIndex < decoder.tracks.selectedTrack.frameCount; frameIndex++) {
    const { image } = await decoder.decode({ frameIndex });
    frames.push(SAMPLES(image, image.displayWidth, image.displayHeight));
    image.close();
  }
  return frames;
}"""
_SAMPLES = """(image, width, height) => {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  const samples = context.getImageData(0, 0, width, height).data;
  let text = "";
  for (let at = 0; at < samples.length; at += 32768) text += String.fromCharCode(...samples.subarray(at, at + 32768));
  return [width, height, btoa(text)];
}"""


@dataclass(frozen=True, slots=True)
class Shown:
    """A page that draws pictures and tells their samples."""

    page: Page

    def still(self, source: bytes, media_type: str) -> NDArray[np.uint8] | None:
        """(H, W, 4), straight alpha, upright, in sRGB; None where the browser shows nothing."""
        found = self._asked(_STILL, source, media_type)
        return None if found is None else _pixels(found)

    def frames(self, source: bytes, media_type: str) -> list[NDArray[np.uint8]] | None:
        """The same of each frame; None where the browser shows nothing."""
        found = self._asked(_FRAMES, source, media_type)
        return None if found is None else [_pixels(frame) for frame in found]

    def _asked(self, script: str, source: bytes, media_type: str) -> Any:
        data = base64.b64encode(source).decode()
        expression = f"async (asked) => {{ const SAMPLES = {_SAMPLES}; try {{ return await ({script})(asked); }}"
        return self.page.evaluate(expression + " catch (error) { return null; } }", [data, media_type])


@contextmanager
def showing(path: str) -> Iterator[Shown]:
    """A Chromium that shows pictures, and is gone when the block ends."""
    with running_browser(path) as browser:
        page = browser.new_page()
        page.route(_ORIGIN, _empty_page)
        page.goto(_ORIGIN)
        yield Shown(page)


def _empty_page(route: Route) -> None:
    route.fulfill(body="<!doctype html>", content_type="text/html")


def _pixels(found: tuple[int, int, str]) -> NDArray[np.uint8]:
    width, height, data = found
    return np.frombuffer(base64.b64decode(data), np.uint8).reshape(height, width, 4)
