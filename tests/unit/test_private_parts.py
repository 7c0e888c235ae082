"""What is used of libraries beyond their interface: bounded on both sides, listed, and as it is expected to be.

Each check says in words what is not as expected; where it fails, the library is another than the code was written for.
"""

from __future__ import annotations

import asyncio
import inspect
import io
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from packaging.requirements import Requirement
from PIL import Image
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
from uvicorn.server import ServerState

from leanpix.engine.codecs.jpeg.jpegli import jpegli_backend
from leanpix.engine.codecs.png.strips import strips_backend
from leanpix.engine.codecs.webp.libwebp import libwebp_backend
from leanpix.engine.libraries.libjxl import libjxl
from leanpix.engine.libraries.native import load_native
from leanpix.engine.reading.loaders import libraw
from leanpix.web.protocol import guarded_protocol
from leanpix.web.settings import WebSettings

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "decisions" / "0166-what-is-used-of-libraries-beyond-their-interface.md"


@dataclass(frozen=True, slots=True)
class Part:
    """A distribution, and what is wrong with its private part here: None, or a sentence."""

    distribution: str
    wrong: Callable[[], str | None]


def needs_native(says: Callable[[], str]) -> Callable[[], str | None]:
    """What an encoder says of itself where it is not the native one."""

    def wrong() -> str | None:
        if load_native() is None:
            pytest.skip("the native library was not built")
        return None if says().startswith("native") else says()

    return wrong


def libjxl_wrong() -> str | None:
    """The functions that are called, and a picture there and back."""
    library = libjxl()
    if library is None:
        return "no wheel has a libjxl with the functions that are called"
    picture = np.arange(48 * 64 * 3, dtype=np.uint32).astype(np.uint8).reshape(48, 64, 3)
    jpeg = io.BytesIO()
    Image.fromarray(picture).save(jpeg, "JPEG")
    there_and_back = library.unpack_jpeg(library.pack_jpeg(jpeg.getvalue(), effort=1))
    return None if there_and_back == jpeg.getvalue() else "a JPEG does not come back from JPEG XL as it was"


def libraw_wrong() -> str | None:
    """The library that rawpy loads, and its complaint of what is no raw file."""
    if libraw._LIBRARY is None:
        return "rawpy's wheel has no libraw beside its module"
    return None if libraw.complaints(b"II*\0" + bytes(64)) == 1 else "LibRaw does not complain of what is no raw file"


def uvicorn_wrong() -> str | None:
    """The attributes of its protocol that ours reads, and the methods it overrides or calls."""
    loop = asyncio.new_event_loop()
    try:
        config = Config(app=lambda: None, lifespan="off")
        config.load()
        kind = guarded_protocol(WebSettings(), 10)
        one = kind(config=config, server_state=ServerState(), app_state={}, _loop=loop)
    finally:
        loop.close()
    attributes = [name for name in ("cycle", "flow", "transport", "loop") if not hasattr(one, name)]
    if not hasattr(FlowControl(asyncio.Transport()), "read_paused"):
        attributes.append("flow.read_paused")
    source = inspect.getsource(RequestResponseCycle.__init__)
    attributes += [f"cycle.{name}" for name in ("response_complete", "keep_alive") if f"self.{name} =" not in source]
    over = ("on_message_begin", "on_url", "on_header", "on_headers_complete", "on_body", "on_message_complete")
    base = kind.__mro__[2]
    methods = [n for n in (*over, "send_400_response", "data_received", "eof_received") if not hasattr(base, n)]
    missing = attributes + methods
    return f"uvicorn's {base.__name__} has no {', '.join(missing)}" if missing else None


PARTS = [
    Part("pyjpegli", needs_native(jpegli_backend)),
    Part("pillow", needs_native(libwebp_backend)),
    Part("pyoxipng-ng", needs_native(strips_backend)),
    Part("pylibjxl", libjxl_wrong),
    Part("imagecodecs", libjxl_wrong),
    Part("rawpy", libraw_wrong),
    Part("uvicorn", uvicorn_wrong),
]


def requirements() -> dict[str, Requirement]:
    """What the package asks for, by name."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [line for lines in project["optional-dependencies"].values() for line in lines]
    return {(one := Requirement(line)).name: one for line in (*project["dependencies"], *extras)}


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.distribution)
def test_it_is_bounded_on_both_sides(part: Part) -> None:
    operators = {one.operator for one in requirements()[part.distribution].specifier}
    assert operators in ({"=="}, {">=", "<"}), f"{part.distribution} may be any version {operators}"


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.distribution)
def test_its_private_part_is_as_expected(part: Part) -> None:
    assert part.wrong() is None


def test_the_page_lists_them_with_their_bounds() -> None:
    listed = dict(re.findall(r"^\| `([a-z-]+)` \| `([^`]+)` \|", PAGE.read_text(), re.MULTILINE))
    asked = requirements()
    assert listed == {part.distribution: _bounds(asked[part.distribution]) for part in PARTS}


def _bounds(requirement: Requirement) -> str:
    return ",".join(str(one) for one in sorted(requirement.specifier, key=lambda one: one.operator, reverse=True))
