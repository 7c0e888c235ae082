"""The limits a picture gets, by its format and its pixels, and real pictures through every layer."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from tests.engine import pictures as made
from tests.support.corpus import corpus_file

from leanpix.domain.errors import TaskFailure
from leanpix.domain.formats import OutputFormat, SourceFormat
from leanpix.domain.request import CompressionOptions, Crop, Fit
from leanpix.domain.states import TaskState
from leanpix.engine.reading.probe import Probe
from leanpix.engine.resources import resource_budget
from leanpix.worker.children.pool import CompressorPool
from leanpix.worker.settings import WorkerSettings

GIB = 1 << 30
PLAIN = CompressionOptions(quality=80)


@pytest.fixture(scope="module")
def engine() -> Iterator[CompressorPool]:
    with CompressorPool(WorkerSettings(), environment=os.environ) as pool:
        yield pool


def test_the_budget_grows_with_the_pixels_of_source_and_result() -> None:
    small = resource_budget(Probe(SourceFormat.JPG, 1000, 1000), PLAIN)
    large = resource_budget(Probe(SourceFormat.JPG, 8000, 8000), PLAIN)
    enlarged = resource_budget(Probe(SourceFormat.JPG, 1000, 1000), CompressionOptions(quality=80, width_px=8000))
    assert small.memory_bytes < 0.15 * GIB
    assert 0.5 * GIB < large.memory_bytes < GIB
    assert small.memory_bytes < enlarged.memory_bytes <= large.memory_bytes
    assert small.cpu_s < enlarged.cpu_s <= large.cpu_s


def test_every_frame_counts_and_raw_counts_more() -> None:
    one = resource_budget(Probe(SourceFormat.GIF, 1000, 1000), PLAIN)
    many = resource_budget(Probe(SourceFormat.GIF, 1000, 1000, frames=20), PLAIN)
    as_jpeg = CompressionOptions(quality=80, format=OutputFormat.JPG)
    raw = resource_budget(Probe(SourceFormat.RAW, 1000, 1000), as_jpeg)
    first_alone = resource_budget(Probe(SourceFormat.GIF, 1000, 1000, frames=20), as_jpeg)
    assert many.address_bytes - GIB > 5 * (one.address_bytes - GIB)
    assert first_alone.memory_bytes <= one.memory_bytes
    assert raw.memory_bytes > first_alone.memory_bytes


def test_a_picture_is_held_to_its_budget_in_the_child(pool: CompressorPool) -> None:
    """The child reads its limits back: both can be lowered, neither raised above what every child has."""
    told = [bytes(pool.run(act, PLAIN, timeout_s=10).data[3:]).decode() for act in (b"budget:200 3", b"budget:99999 7")]
    assert told[0] == "200 3"
    megabytes, seconds = map(int, told[1].split())
    assert (megabytes < 1024, seconds) == (True, 5)


PICTURES = [
    "d_S_Landscape_6.jpg",
    "c_gen_cmyk_adobe.jpg",
    "c_K_basn6a16.png",
    "d_P_hopper_orientation_5.webp",
    "d_S_animated-loop-3.gif",
    "d_M_rgba32.bmp",
    "d_P_tiff_adobe_deflate.tif",
    "c_P_hopper.Lab.tif",
    "d_P_hopper.rgb",
    "d_gen_raw_ljpeg_rotated.dng",
    "e_M_Issue 247-1.nef",
]


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("target", [OutputFormat.JPG, OutputFormat.WEBP])
def test_every_format_passes_through_the_locked_engine(engine: CompressorPool, name: str, target: OutputFormat) -> None:
    options = CompressionOptions(quality=80, format=target)
    done = engine.run(corpus_file(name).read_bytes(), options, timeout_s=60)
    assert done.report.format is target
    assert done.report.result_bytes == len(done.data)
    assert engine.deaths == {}


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("crop", [Crop.ATTENTION, Crop.OBJECT])
def test_every_format_is_cropped_by_what_is_in_it_in_the_locked_engine(
    engine: CompressorPool, name: str, crop: Crop
) -> None:
    source = corpus_file(name).read_bytes()
    options = CompressionOptions(
        quality=80, format=OutputFormat.WEBP, width_px=30, height_px=12, fit=Fit.COVER, crop=crop
    )
    report = engine.run(source, options, timeout_s=60).report
    assert (report.width_px, report.height_px) == (30, 12)
    assert engine.deaths == {}


@pytest.mark.parametrize(
    ("target", "signature"), [(OutputFormat.AVIF, b"ftypavif"), (OutputFormat.JXL, b"JXL \r\n\x87\n")]
)
def test_extra_formats_are_written_and_scored_in_the_locked_engine(
    engine: CompressorPool, target: OutputFormat, signature: bytes
) -> None:
    source = made.encoded(made.drawing(bands=4), ".png")
    done = engine.run(source, CompressionOptions(format=target), timeout_s=60)
    assert (done.report.format, bytes(done.data[4:12])) == (target, signature)
    assert engine.deaths == {}


def test_what_is_no_picture_is_told_by_the_engine_not_by_a_death(engine: CompressorPool) -> None:
    with pytest.raises(TaskFailure) as failure:
        engine.run(b"%PDF-1.4 not a picture", PLAIN, timeout_s=20)
    assert failure.value.state is TaskState.INVALID_IMAGE
    assert engine.deaths == {}


@pytest.mark.parametrize("tenant", [None, "one"])
def test_automatic_quality_aims_where_the_setting_says_unless_the_request_does(tenant: str | None) -> None:
    source = made.encoded(made.photo(), ".png")
    with CompressorPool(WorkerSettings(target_score=45)) as pool:
        scores = [
            pool.run(
                source, CompressionOptions(format=OutputFormat.JPG, target_score=asked), timeout_s=60, tenant=tenant
            ).report.score
            for asked in (None, 80)
        ]
    assert scores == [pytest.approx(45.5, abs=1), pytest.approx(80.5, abs=1)]
