"""AVIF, HEIC and JPEG XL files for tests: made by Pillow, or small ones by the encoders of others, kept as text."""

from __future__ import annotations

import base64
import io
import struct

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from leanpix.engine.reading.headers.boxes import FULL_BOX, box, boxes, locations, meta_boxes

TURNED_JXL = base64.b64decode(
    "AAAADEpYTCANCocKAAAAFGZ0eXBqeGwgAAAAAGp4bCAAAADmanhsY/8KAy0QUFwSCAIBAEADSygkxtkKCqZEFPQMQG4lkRdjzFxxgfAAIAyLBLAv"
    "DdwbYZ4QgDu96xYCdVicJpsiFcM/X77Fq2j3uvCjjWQg54ZHDyJFKawXmyfIKUlw6ycZjd6ibEdIvFJmE3dPwSkab0PzSuRFO+Vzi64LAHaoOOc4"
    "5p0mCpAD6X9YUBifhf/k7z+BjM/NL8IXa1/+z97iVhxIHKwcq+QV+sjQ7kqowt7+yUN/gRZ5iHSbMimNtVS7XERODUcF3tYz5F8TSRof20O7T73z"
    "VE5GobjpD4FMAA=="
)
"""24 x 16 stored pixels of orientation 6: the white square of their upper left corner is seen at the upper right."""

BARE_JXL = base64.b64decode("/woDQUBxIQgCAQCUAEs4aZjKg/crKAiAmpEZY8zIC8QAAH8KlgCJXOM+As9Bgr0/rAE=")
"""24 x 16 pixels without loss and without a container: black, a white square of 4 px at the upper left, red below."""

ANIMATED_JXL_HEAD = base64.b64decode("/woDBQFYUFwSCAgAAAB8BEsoNcYeKWzLYVVQUFByUDCC")
"""What an animation of 24 x 16 pixels with alpha begins with."""

TURNED_HEIC = base64.b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAchtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAADRpbG9jAAAA"
    "AERAAAIAAQAAAAAB7AABAAAAAAAAANQAAgAAAAACwAABAAAAAAAAACQAAAA4aWluZgAAAAAAAgAAABVpbmZlAgAAAAABAABodmMxAAAAABVpbmZl"
    "AgAAAQACAABFeGlmAAAAAA5waXRtAAAAAAABAAABB2lwcnAAAADmaXBjbwAAAHZodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH/"
    "/wNwAAADAJAAAAMAAAMAHroCQGEAAQAqQgEBA3AAAAMAkAAAAwAAAwAeoCCBBZbq5Ka5uAhoMCAAAAMDIAAAAwAhYgABAAZEAcFzwIkAAAATY29s"
    "cm5jbHgAAQANAAaAAAAAFGlzcGUAAAAAAAAAQAAAAEAAAAAoY2xhcAAAADAAAAABAAAAIAAAAAH////wAAAAAv///+AAAAACAAAAEHBpeGkAAAAA"
    "AwgICAAAAAlpcm90AwAAABlpcG1hAAAAAAAAAAEAAQaBAgMFhIYAAAAaaXJlZgAAAAAAAAAOY2RzYwACAAEAAQAAAQBtZGF0AAAA0CgBrwT4Ks1P"
    "to/dQyhUfD/+vD98OSOPxvnk38JnfF244QX/hnbg6EJ/6yZJAg09+BcGyBUudTg+w2O+EvbKbzA5//r3jf/eNegz8+9yPTH638qGAXeax8v+9FN8"
    "/I2vtmce9Y9Er5zftgnEuxLuyqrG9/3DK6uAlxGV8+o9f8e/qD9Tn7811fHnPk+KlfOba4r+u3RardUcUBJ4xFbAt5xftoiA25GBjZIX02mX9qzl"
    "CC0NfUqqHqUo2Sez02rWdyNtsu1KULheEECkfWzToosAAAAGRXhpZgAATU0AKgAAAAgAAQESAAMAAAABAAYAAAAAAAA="
)
"""`turned()` as x265 and libheif 1.20 have coded it, with a turn to the right in its properties, cut from 64 x 64."""

CLEAR_HEIC = base64.b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAmttZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAADRpbG9jAAAA"
    "AERAAAIAAQAAAAACjwABAAAAAAAAANQAAgAAAAADYwABAAAAAAAAAA4AAAA4aWluZgAAAAAAAgAAABVpbmZlAgAAAAABAABodmMxAAAAABVpbmZl"
    "AgAAAAACAABodmMxAAAAAA5waXRtAAAAAAABAAABqmlwcnAAAAGCaXBjbwAAAHZodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH/"
    "/wNwAAADAJAAAAMAAAMAHroCQGEAAQAqQgEBA3AAAAMAkAAAAwAAAwAeoCCBBZbq5Ka5uAhoMCAAAAMDIAAAAwAhYgABAAZEAcFzwIkAAAATY29s"
    "cm5jbHgAAQANAAaAAAAAFGlzcGUAAAAAAAAAQAAAAEAAAAAoY2xhcAAAADAAAAABAAAAIAAAAAH////wAAAAAv///+AAAAACAAAAEHBpeGkAAAAA"
    "AwgICAAAAHBodmNDAQQIAAAAn/gAAAAAHvAA/Pz4+AAADwNgAAEAF0ABDAH//wQIAAADAJ/4AAADAAAeugJAYQABACVCAQEECAAAAwCf+AAAAwAA"
    "HsCCBBZbq5Ka5sCAAAAMgAAAAwCEYgABAAZEAcFzwIkAAAAOcGl4aQAAAAABCAAAACdhdXhDAAAAAHVybjptcGVnOmhldmM6MjAxNTphdXhpZDox"
    "AAAAACBpcG1hAAAAAAAAAAIAAQWBAgMFhAACBYYDB4iEAAAAGmlyZWYAAAAAAAAADmF1eGwAAgABAAEAAADqbWRhdAAAANAoAa8E+CrNT7aP3UMo"
    "VHw//rw/fDkjj8b55N/CZ3xduOEF/4Z24OhCf+smSQINPfgXBsgVLnU4PsNjvhL2ym8wOf/6943/3jXoM/Pvcj0x+t/KhgF3msfL/vRTfPyNr7Zn"
    "HvWPRK+c37YJxLsS7sqqxvf9wyurgJcRlfPqPX/Hv6g/U5+/NdXx5z5PipXzm2uK/rt0Wq3VHFASeMRWwLecX7aIgNuRgY2SF9Npl/as5QgtDX1K"
    "qh6lKNkns9Nq1ncjbbLtSlC4XhBApH1s06KLAAAACigBrgnwpWo6VX4="
)
"""`turned()`, half transparent, by the same."""


def turned(width: int = 48, height: int = 32) -> NDArray[np.uint8]:
    """A dark picture with a white upper left and a red lower left corner: each of the eight orientations differs."""
    pixels = np.full((height, width, 3), 30, np.uint8)
    pixels[: height // 4, : width // 4] = 255
    pixels[-height // 4 :, : width // 4] = (220, 20, 20)
    return pixels


def avif(pixels: NDArray[np.uint8], *, orientation: int = 1, **settings: object) -> bytes:
    """An AVIF of a quality that leaves corners as they are; the orientation becomes irot and imir."""
    exif = Image.Exif()
    if orientation != 1:
        exif[0x0112] = orientation
    written = io.BytesIO()
    mode = {1: "L", 3: "RGB", 4: "RGBA"}[pixels.shape[2]]
    picture = Image.fromarray(pixels[:, :, 0] if mode == "L" else pixels)
    picture.save(written, "AVIF", **({"quality": 90, "speed": 9, "exif": exif.tobytes()} | settings))
    return written.getvalue()


def with_numbers(data: bytes, primaries: int, transfer: int) -> bytes:
    """The same AVIF with other numbers of its colours."""
    at = data.index(b"nclx") + 4
    return data[:at] + primaries.to_bytes(2) + transfer.to_bytes(2) + data[at + 4 :]


def with_properties(data: bytes, *more: bytes, is_split: bool = False) -> bytes:
    """The same AVIF with more property boxes of its primary item; is_split: with a table of its own for each item."""
    found = {one.kind: one for one in meta_boxes(data)}
    meta, properties = next(one for one in boxes(data) if one.kind == b"meta"), found[b"iprp"]
    held, table = boxes(data, properties.content, properties.end)
    start = len(list(boxes(data, held.content, held.end))) + 1
    entries, at = list[bytes](), table.content + FULL_BOX + 4
    while at < table.end:
        number, own = data[at : at + 2], data[at + 3 : at + 3 + data[at + 2]]
        at += 3 + len(own)
        own += b"" if entries else bytes(range(start, start + len(more)))
        entries.append(number + bytes([len(own)]) + own)
    groups = [[one] for one in entries] if is_split else [entries]
    tables = (box(b"ipma", bytes(FULL_BOX), len(group).to_bytes(4), *group) for group in groups)
    new = box(b"iprp", box(b"ipco", data[held.content : held.end], *more), *tables)
    grown = len(new) - (properties.end - properties.start)
    places = found[b"iloc"]
    moved = data[places.start : places.end]
    for _, where, size in locations(data, places):
        moved = moved.replace(struct.pack(">II", where, size), struct.pack(">II", where + grown, size))
    inner = {b"iprp": new, b"iloc": moved}
    parts = (inner.get(one.kind, data[one.start : one.end]) for one in found.values())
    return data[: meta.start] + box(b"meta", bytes(FULL_BOX), *parts) + data[meta.end :]
