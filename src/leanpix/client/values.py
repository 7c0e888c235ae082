"""What goes in and what comes out."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypedDict

Source = str | bytes | os.PathLike[str]
"""A picture: its bytes, its path, or its http(s) URL, which the server fetches. Any other string is a path."""

Format = Literal["jpg", "png", "webp", "avif", "jxl"]


class RequestOptions(TypedDict, total=False):
    """What to make of a source: the contract's parameters; target_score and fit are leanpix's own additions.

    quality is 1-100, kbyte the largest size in KB; without either the server chooses. width and height in pixels.
    """

    quality: int | None
    kbyte: int | None
    format: Format | None
    width: int | None
    height: int | None
    fit: Literal["fill", "inside", "contain", "cover"] | None
    target_score: float | None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a task is: state 1 has succeeded, below 0 failed, all else is under way; percent from 0 to 100."""

    state: int
    percent: int

    @property
    def is_final(self) -> bool:
        """Whether the task has ended, well or not."""
        return self.state == 1 or self.state < 0


@dataclass(frozen=True, slots=True)
class Result:
    """A compressed picture.

    report is what a leanpix server says about it (bytes, sides, score, encoder, warnings); empty elsewhere. credits
    is None where the server does not say.
    """

    data: bytes = field(repr=False)
    format: Format
    task_id: str
    credits: int | None
    report: Mapping[str, object] = field(default_factory=dict)

    @property
    def score(self) -> float | None:
        """The SSIMULACRA2 score against the source, where the server measured it."""
        score = self.report.get("score")
        return float(score) if isinstance(score, (int, float)) else None

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the picture to a file."""
        target = Path(path)
        target.write_bytes(self.data)
        return target


def format_of_whole(data: bytes) -> Format | None:
    """The format of a picture that is there from its signature to its end; None for all else."""
    if data.startswith(b"\xff\xd8\xff") and data.rstrip(b"\0").endswith(b"\xff\xd9"):
        return "jpg"
    if data.startswith(b"\x89PNG\r\n\x1a\n") and data[-8:-4] == b"IEND":
        return "png"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP" and len(data) >= int.from_bytes(data[4:8], "little") + 8:
        return "webp"
    if data[4:12] == b"ftypavif" and _boxes_end_at(data) == len(data):
        return "avif"
    if data[4:12] == b"JXL \r\n\x87\n" and _boxes_end_at(data) == len(data):
        return "jxl"
    return None


def _boxes_end_at(data: bytes) -> int:
    """Where the last of the boxes that begin in a file of boxes ends; beyond the file where it is cut short."""
    at = 0
    while at + 8 <= len(data):
        at += max(8, int.from_bytes(data[at : at + 4], "big"))
    return at
