"""No loss goes unnamed: every real picture's file against its result's, as exiftool sees both."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.support.corpus import CORPUS

from leanpix.domain.errors import TaskFailure
from leanpix.domain.holding import Holding
from leanpix.engine import CompressionOptions, Limits, compress
from leanpix.engine.reading.probe import probe

_MOST_PIXELS = 1_200_000
_ABOUT_EXIF = {Holding.EXIF, Holding.CAMERA, Holding.DATE, Holding.COPYRIGHT, Holding.GPS, Holding.OTHER}
# Which kinds may stand for a group of exiftool's that is gone. Groups of the container itself are no metadata.
_STANDS_FOR: Mapping[str, set[Holding]] = {
    "IFD0": _ABOUT_EXIF,
    "IFD1": {Holding.PREVIEW, Holding.PAGES},
    "IFD2": {Holding.PREVIEW, Holding.PAGES},
    "ExifIFD": _ABOUT_EXIF,
    "SubIFD": {Holding.PREVIEW},
    "GPS": {Holding.GPS},
    "IPTC": {Holding.IPTC},
    "Photoshop": {Holding.IPTC, Holding.OTHER, Holding.PREVIEW, Holding.RESOLUTION, Holding.EXIF},
    "ICC_Profile": {Holding.PROFILE},
    "MPImage1": {Holding.GAIN_MAP, Holding.DEPTH_MAP, Holding.PREVIEW},
    "MPImage2": {Holding.GAIN_MAP, Holding.DEPTH_MAP, Holding.PAGES, Holding.PREVIEW},
    "Ducky": {Holding.OTHER},
    "JUMBF": {Holding.C2PA, Holding.OTHER},
    "PNG-pHYs": {Holding.RESOLUTION},
}
_STRUCTURE = frozenset(
    [
        "Orientation",
        "ImageWidth",
        "ImageHeight",
        "BitsPerSample",
        "Compression",
        "PhotometricInterpretation",
        "XResolution",
        "YResolution",
        "ResolutionUnit",
        "YCbCrPositioning",
        "ExifVersion",
        "ColorSpace",
        "ExifImageWidth",
        "ExifImageHeight",
        "ComponentsConfiguration",
        "FlashpixVersion",
        "SamplesPerPixel",
        "StripOffsets",
        "RowsPerStrip",
        "StripByteCounts",
        "PlanarConfiguration",
        "FillOrder",
        "SubfileType",
        "ThumbnailOffset",
        "ThumbnailLength",
        "TileWidth",
        "TileLength",
        "TileOffsets",
        "TileByteCounts",
        "Predictor",
        "ExtraSamples",
        "SampleFormat",
        "JPEGTables",
        "ReferenceBlackWhite",
        "YCbCrSubSampling",
        "YCbCrCoefficients",
        "ColorMap",
        "OldSubfileType",
        "Thresholding",
        "T4Options",
        "T6Options",
        "WhitePoint",
        "PrimaryChromaticities",
        "TransferFunction",
        "PageNumber",
        "MinSampleValue",
        "MaxSampleValue",
        "InkSet",
    ]
)

FILES = sorted(path for path in CORPUS.glob("*") if path.suffix != ".tsv" and not path.name.startswith("e_"))


def groups(path: Path) -> dict[str, set[str]]:
    """Groups and names of tags, as exiftool has them."""
    told = subprocess.run(
        ["exiftool", "-j", "-G1", "-a", str(path)], capture_output=True, text=True, check=False
    ).stdout
    found: dict[str, set[str]] = {}
    for name in json.loads(told)[0] if told else {}:
        group, _, tag = name.partition(":")
        found.setdefault(group, set()).add(tag)
    return found


@pytest.mark.skipif(shutil.which("exiftool") is None, reason="exiftool is not here")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_what_exiftool_misses_in_a_result_is_named(path: Path, tmp_path: Path) -> None:
    source = path.read_bytes()
    try:
        facts = probe(source, Limits())
        if facts.pixels * facts.frames > _MOST_PIXELS:
            pytest.skip("small ones are enough: losses hang on containers, not on pixels")
        done = compress(source, CompressionOptions(quality=50))
    except TaskFailure:
        pytest.skip("not a picture that is read")
    result = tmp_path / f"result.{done.report.format.value}"
    result.write_bytes(done.data)
    before, after, named = groups(path), groups(result), set(done.report.lost)
    unnamed = {
        group: sorted(tags - _STRUCTURE)
        for group, tags in before.items()
        if group not in after and tags - _STRUCTURE and not _stands_for(group) & named and _stands_for(group)
    }
    assert unnamed == {}
    assert "Comment" not in before.get("File", set()) or Holding.COMMENT in named


def _stands_for(group: str) -> set[Holding]:
    if group.startswith("XMP"):
        return {Holding.XMP}
    if group.startswith("ICC"):
        return {Holding.PROFILE}
    return _STANDS_FOR.get(group, set())
