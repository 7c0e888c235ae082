"""What a source may be at most, judged from its header before any pixel is decoded."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest picture that is decoded.

    max_side_px: each side of the upright picture. max_total_pixels: frames x width x height. max_frames: frames
    of an animation. max_scans: scans of a progressive JPEG, each a pass over all of its pixels.
    max_profile_bytes: an ICC profile, inflated; a larger one is ignored.
    """

    max_side_px: int = 8000
    max_total_pixels: int = 256_000_000
    max_frames: int = 1000
    max_scans: int = 100
    max_profile_bytes: int = 8 * 1024 * 1024
