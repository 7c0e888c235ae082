"""The HTML of a set: one `<picture>` element, of which a browser takes the first source that it shows."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any
from urllib.parse import quote

FULL_WIDTH = "100vw"
"""How wide a page shows a picture of which nothing else is said."""
_FALLBACKS = ("jpg", "png", "webp", "avif", "jxl")
"""What the `<img>` is in: the one of these that browsers have shown for the longest."""


def picture_element(manifest: Mapping[str, Any], *, sizes: str = FULL_WIDTH, alt: str = "") -> str:
    """Sources by their bytes, the fewest first; the image in the middle of the widths stands in for all.

    manifest: a set's, as Report.manifest gives it; its names are the addresses. sizes, alt: the attributes' values,
    not escaped.
    """
    by_format: dict[str, list[Mapping[str, Any]]] = {}
    for image in manifest["images"]:
        by_format.setdefault(image["format"], []).append(image)
    fallback = next(form for form in _FALLBACKS if form in by_format)
    others = sorted((form for form in by_format if form != fallback), key=lambda form: _bytes(by_format[form]))
    shown = by_format[fallback][len(by_format[fallback]) // 2]
    largest = by_format[fallback][-1]
    colour = (manifest.get("placeholder") or {}).get("colour", "ffffff")

    lines = ["<picture>"]
    for form in others:
        kind = escape(by_format[form][0]["media_type"])
        lines.append(f'  <source type="{kind}" srcset="{_srcset(by_format[form])}" sizes="{escape(sizes)}">')
    lines.append(
        f'  <img src="{escape(quote(shown["name"]))}" srcset="{_srcset(by_format[fallback])}" sizes="{escape(sizes)}" '
        f'width="{largest["width"]}" height="{largest["height"]}" alt="{escape(alt)}" loading="lazy" decoding="async" '
        f'style="background:#{colour}">'
    )
    return "\n".join([*lines, "</picture>"])


def _srcset(images: list[Mapping[str, Any]]) -> str:
    return ", ".join(f"{escape(quote(image['name']))} {image['width']}w" for image in images)


def _bytes(images: list[Mapping[str, Any]]) -> int:
    return sum(int(image["bytes"]) for image in images)
