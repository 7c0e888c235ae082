"""The metric: against the oracle, between its two kernels, and at its edges."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from ssimulacra2 import compute_ssimulacra2
from tests.support.corpus import corpus_file
from tests.support.machines import newest_cpu

from leanpix.engine.judging.comparison import score
from leanpix.engine.judging.ssimulacra2 import Kernel, Ssimulacra2
from leanpix.engine.judging.ssimulacra2_native import NativeMaps
from leanpix.engine.judging.ssimulacra2_numpy import NumpyMaps
from leanpix.engine.judging.ssimulacra2_weights import NEEDS_EDGES, NEEDS_SSIM, needed_maps, scales_of
from leanpix.engine.libraries.native import AVX2_CPU, NEWEST_CPU, PLAIN_CPU, load_native, native_path

Pixels = NDArray[np.uint8]

NO_KERNEL = pytest.mark.skipif(load_native() is None, reason="built without a C compiler")
KERNELS: list[Kernel] = ["native", "numpy"]
both_kernels = pytest.mark.parametrize(
    "kernel", [pytest.param(kernel, marks=NO_KERNEL if kernel == "native" else ()) for kernel in KERNELS]
)
SIZES = [(8, 8), (9, 31), (16, 15), (64, 64), (67, 130), (130, 67), (255, 257), (300, 700)]


def scene(height: int, width: int) -> Pixels:
    """Gradients, saturated edges and texture."""
    rng = np.random.default_rng(height * 1000 + width)
    y, x = np.mgrid[0:height, 0:width]
    bands = np.stack([255 * x / width, 255 * y / height, 127 + 90 * np.sin(x / 5) * np.cos(y / 7)], axis=2)
    bands[(x // 13 + y // 11) % 5 == 0] = (220, 20, 40)
    return np.clip(bands + rng.normal(0, 6, bands.shape), 0, 255).astype(np.uint8)


def through_jpeg(pixels: Pixels, quality: int) -> Pixels:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))


def oracle(reference: Pixels, distorted: Pixels, folder: Path) -> float:
    paths = []
    for name, pixels in (("a.png", reference), ("b.png", distorted)):
        paths.append(folder / name)
        Image.fromarray(pixels).save(paths[-1], compress_level=0)
    return float(compute_ssimulacra2(*paths))


@both_kernels
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("quality", [10, 60, 95])
def test_scores_are_the_oracles(kernel: Kernel, size: tuple[int, int], quality: int, tmp_path: Path) -> None:
    reference = scene(*size)
    distorted = through_jpeg(reference, quality)
    expected = oracle(reference, distorted, tmp_path)
    assert Ssimulacra2(reference, kernel=kernel).score(distorted) == pytest.approx(expected, abs=0.02)


def distortions() -> dict[str, Callable[[Pixels], Pixels]]:
    def noisy(pixels: Pixels) -> Pixels:
        noise = np.random.default_rng(1).normal(0, 8, pixels.shape)
        return np.clip(pixels + noise, 0, 255).astype(np.uint8)

    def shrunk(pixels: Pixels) -> Pixels:
        image = Image.fromarray(pixels)
        small = image.resize((image.width // 3, image.height // 3))
        return np.asarray(small.resize(image.size))

    return {
        "noise": noisy,
        "blur": shrunk,
        "brighter": lambda pixels: np.clip(pixels.astype(int) + 9, 0, 255).astype(np.uint8),
        "shifted": lambda pixels: np.roll(pixels, 1, axis=1),
        "jpeg 70": lambda pixels: through_jpeg(pixels, 70),
        "unrelated": lambda pixels: 255 - pixels,
    }


@both_kernels
@pytest.mark.parametrize("name", ["a_Z_kodim05.png", "a_Z_kodim23.png", "b_C_LodeRunner.png", "b_Z_artificial.png"])
@pytest.mark.parametrize("distortion", sorted(distortions()))
def test_scores_of_corpus_pictures_are_the_oracles(kernel: Kernel, name: str, distortion: str, tmp_path: Path) -> None:
    image = Image.open(corpus_file(name)).convert("RGBA").convert("RGB")
    image.thumbnail((403, 403))
    reference = np.asarray(image)
    distorted = distortions()[distortion](reference)
    expected = oracle(reference, distorted, tmp_path)
    assert Ssimulacra2(reference, kernel=kernel).score(distorted) == pytest.approx(expected, abs=0.05, rel=1e-4)


@NO_KERNEL
@settings(max_examples=40)
@given(size=st.tuples(st.integers(1, 80), st.integers(1, 80)), seed=st.integers(0, 10_000))
def test_the_kernels_agree_on_noise_of_any_size(size: tuple[int, int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    reference, distorted = rng.integers(0, 256, (2, *size, 3), np.uint8)
    native = Ssimulacra2(reference, kernel="native").score(distorted)
    assert math.isfinite(native)
    assert native == pytest.approx(Ssimulacra2(reference, kernel="numpy").score(distorted), abs=0.02, rel=1e-4)


@both_kernels
@settings(max_examples=25)
@given(size=st.tuples(st.integers(1, 70), st.integers(1, 70)), seed=st.integers(0, 10_000))
def test_a_picture_scores_exactly_100_against_itself(kernel: Kernel, size: tuple[int, int], seed: int) -> None:
    picture = np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)
    assert Ssimulacra2(picture, kernel=kernel).score(picture.copy()) == 100
    assert Ssimulacra2(picture, kernel=kernel, keep_limit_bytes=0).score(picture.copy()) == 100


@both_kernels
@pytest.mark.parametrize("value", [0, 1, 100, 255])
def test_flat_pictures_are_defined(kernel: Kernel, value: int) -> None:
    flat = np.full((300, 300, 3), value, np.uint8)
    assert Ssimulacra2(flat, kernel=kernel).score(flat) == 100
    assert Ssimulacra2(flat, kernel=kernel).score(255 - flat) < 80


@both_kernels
@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (7, 7), (7, 300)])
def test_sides_under_8_px_are_scored_with_their_edges_repeated(kernel: Kernel, size: tuple[int, int]) -> None:
    dark, light = np.full((*size, 3), 40, np.uint8), np.full((*size, 3), 200, np.uint8)
    scorer = Ssimulacra2(dark, kernel=kernel)
    assert scorer.score(dark) == 100
    assert scorer.score(light) < scorer.score(dark + np.uint8(8)) < 100


@both_kernels
def test_a_stronger_compression_scores_lower(kernel: Kernel) -> None:
    reference = np.repeat(scene(200, 300)[:, :, 2:], 3, axis=2)  # gray: chroma subsampling is not the question
    scorer = Ssimulacra2(reference, kernel=kernel)
    scores = [scorer.score(through_jpeg(reference, quality)) for quality in (98, 85, 60, 30, 10)]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > 80 > scores[-1]


@NO_KERNEL
@pytest.mark.parametrize("size", [(8, 8), (67, 130), (300, 700)])
def test_keeping_the_references_planes_changes_no_score(size: tuple[int, int]) -> None:
    reference = scene(*size)
    distorted = through_jpeg(reference, 50)
    kept, anew = Ssimulacra2(reference), Ssimulacra2(reference, keep_limit_bytes=0)
    assert kept.score(distorted) == anew.score(distorted) == kept.score(distorted) == score(reference, distorted)


@NO_KERNEL
@pytest.mark.parametrize("size", [(8, 8), (67, 130), (301, 703)])
@pytest.mark.parametrize("keep", [True, False])
def test_every_generation_of_processors_gives_the_same_sums(size: tuple[int, int], keep: bool) -> None:
    reference = scene(*size)
    distorted = through_jpeg(reference, 50)
    library = load_native()
    assert library is not None
    needs = np.full_like(needed_maps(scales_of(*size)), NEEDS_SSIM | NEEDS_EDGES)  # what the weights skip, too
    cpus = (PLAIN_CPU, AVX2_CPU, NEWEST_CPU)  # below Scorer, which always takes the newest
    sums = [NativeMaps(library, reference, needs, keep=keep, cpu=cpu).sums(distorted) for cpu in cpus]
    assert sums[1] == pytest.approx(sums[0], rel=2e-3, abs=1e-6)
    assert sums[2] == pytest.approx(sums[0], rel=2e-3, abs=1e-6)
    assert NumpyMaps(reference, needs).sums(distorted) == pytest.approx(sums[0], rel=2e-3, abs=1e-6)


@NO_KERNEL
def test_the_newest_loops_that_this_processor_has_are_used() -> None:
    library = load_native()
    assert library is not None
    assert library.leanpix_metric_newest_cpu() == newest_cpu()


@both_kernels
def test_pixels_that_are_not_contiguous_score_the_same(kernel: Kernel) -> None:
    reference = scene(90, 120)
    distorted = through_jpeg(reference, 40)
    expected = Ssimulacra2(reference, kernel=kernel).score(distorted)
    wide = np.zeros((90, 240, 3), np.uint8)
    wide[:, ::2] = distorted
    assert Ssimulacra2(np.asfortranarray(reference), kernel=kernel).score(wide[:, ::2]) == expected


@both_kernels
def test_gray_scores_as_its_three_equal_bands(kernel: Kernel) -> None:
    gray = scene(60, 90)[:, :, 2]
    other = through_jpeg(gray, 30)
    colour, other_colour = (np.repeat(picture[:, :, None], 3, axis=2) for picture in (gray, other))
    expected = Ssimulacra2(colour, kernel=kernel).score(other_colour)
    assert Ssimulacra2(gray, kernel=kernel).score(other) == pytest.approx(expected, abs=1e-9)


@both_kernels
@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((0, 9, 3), np.uint8),
        np.zeros((9, 0), np.uint8),
        np.zeros((9, 9, 4), np.uint8),
        np.zeros((9, 9, 3), np.float32),
        np.zeros(9, np.uint8),
    ],
)
def test_what_is_no_picture_is_refused(kernel: Kernel, pixels: Pixels) -> None:
    with pytest.raises(ValueError, match="not uint8"):
        Ssimulacra2(pixels, kernel=kernel)


@both_kernels
def test_a_picture_of_another_shape_is_refused(kernel: Kernel) -> None:
    scorer = Ssimulacra2(scene(20, 30), kernel=kernel)
    for other in (scene(30, 20), scene(20, 30)[:, :, 0], scene(20, 31)):
        with pytest.raises(ValueError, match="shape"):
            scorer.score(other)


@both_kernels
def test_threads_share_one_scorer(kernel: Kernel) -> None:
    reference = scene(150, 200)
    distorted = [through_jpeg(reference, quality) for quality in (20, 40, 60, 80)]
    scorer = Ssimulacra2(reference, kernel=kernel)
    one_by_one = [scorer.score(picture) for picture in distorted]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(scorer.score, distorted)) == one_by_one


@pytest.mark.parametrize(
    ("size", "scales"), [((8, 8), 1), ((15, 8), 1), ((15, 15), 2), ((7, 100), 0), ((200, 200), 5), ((256, 9999), 6)]
)
def test_a_scale_counts_while_both_sides_are_8_or_more(size: tuple[int, int], scales: int) -> None:
    assert scales_of(*size) == scales


def test_the_native_librarys_place_or_absence_is_told() -> None:
    told = native_path()
    assert told.endswith("_native.so") if load_native() is not None else "not" in told
