"""What people write with FastAPI and Pillow, or pyvips: POST a picture to /?format=jpg&quality=80&width=1200.

python python_server.py PORT pillow|pyvips, in an environment that has both.
"""

from __future__ import annotations

import io
import sys
from importlib.metadata import version
from typing import Annotated

import pyvips
import uvicorn
from anyio import to_thread
from fastapi import FastAPI, Query, Request, Response
from PIL import Image, ImageOps

LIBRARY = sys.argv[2]
app = FastAPI()


def by_pillow(content: bytes, kind: str, quality: int, width: int | None, height: int | None) -> bytes:
    """A result by Pillow."""
    opened = Image.open(io.BytesIO(content))
    if width:
        opened.draft("RGB", (2 * width, 2 * (height or 1)))
    picture = ImageOps.exif_transpose(opened)
    if width and height:
        picture = ImageOps.fit(picture, (width, height), Image.Resampling.LANCZOS)
    elif width:
        picture = picture.resize((width, round(picture.height * width / picture.width)), Image.Resampling.LANCZOS)
    result = io.BytesIO()
    if kind == "png":
        picture.save(result, "PNG")
    else:
        picture.convert("RGB").save(result, {"jpg": "JPEG", "webp": "WEBP"}[kind], quality=quality)
    return result.getvalue()


def by_pyvips(content: bytes, kind: str, quality: int, width: int | None, height: int | None) -> bytes:
    """A result by libvips."""
    if width and height:
        picture = pyvips.Image.thumbnail_buffer(content, width, height=height, crop="centre")
    elif width:
        picture = pyvips.Image.thumbnail_buffer(content, width, height=10_000_000)
    else:
        picture = pyvips.Image.new_from_buffer(content, "").autorot()
    result: bytes = picture.write_to_buffer(f".{kind}" if kind == "png" else f".{kind}[Q={quality}]")
    return result


@app.get("/")
def about() -> dict[str, str]:
    """What this is made of."""
    names = ("fastapi", "pillow") if LIBRARY == "pillow" else ("fastapi", "pyvips", "pyvips-binary")
    return {name: version(name) for name in names}


@app.post("/")
async def convert(
    request: Request,
    kind: Annotated[str, Query(alias="format")],
    quality: int = 80,
    width: int | None = None,
    height: int | None = None,
) -> Response:
    """The picture of the body, converted in a thread."""
    made = by_pillow if LIBRARY == "pillow" else by_pyvips
    result = await to_thread.run_sync(made, await request.body(), kind, quality, width, height)
    return Response(result, media_type=f"image/{'jpeg' if kind == 'jpg' else kind}")


uvicorn.run(app, port=int(sys.argv[1]), log_level="warning")
