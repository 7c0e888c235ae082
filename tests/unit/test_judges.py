"""The judges of the engine's comparison: what they say of nothing, of little and of much."""

from __future__ import annotations

import numpy as np
import pytest
from bench.engine_metrics import Judge, Pixels, judges, ms_ssim_db, psnr_hvs_m
from tests.engine.pictures import photo

LUMA = ("PSNR-HVS-M", "MS-SSIM")


@pytest.fixture(scope="module")
def source() -> Pixels:
    return photo(256, 192)


@pytest.fixture(scope="module")
def by_name(source: Pixels) -> dict[str, Judge]:
    return judges(source)


def noisy(source: Pixels, levels: float) -> Pixels:
    noise = np.random.default_rng(1).normal(0, levels, source.shape[:2])[:, :, None]
    return np.clip(source + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("name", LUMA)
def test_a_copy_is_perfect(by_name: dict[str, Judge], source: Pixels, name: str) -> None:
    assert by_name[name](source) == 100


def test_every_judge_prefers_less_noise(by_name: dict[str, Judge], source: Pixels) -> None:
    for judge in by_name.values():
        said = [judge(noisy(source, levels)) for levels in (1, 3, 9, 27)]
        assert said == sorted(said, reverse=True)


def test_an_error_of_a_level_of_the_mean_is_seen_by_its_weight() -> None:
    ground = np.full((64, 64), 100.0)
    assert psnr_hvs_m(ground, ground + 1) == pytest.approx(10 * np.log10(255**2 / (8 * 25.735088 / 16) ** 2 * 64))


def test_what_busy_ground_hides_is_not_counted() -> None:
    """A faint wave of the highest frequency on strong ones of it; on ground without any it is seen."""
    checks = np.indices((64, 64)).sum(axis=0) % 2 * 2.0 - 1
    busy, calm = 128 + 60 * checks, np.full((64, 64), 128.0)
    assert psnr_hvs_m(busy, busy + checks) == 100
    assert psnr_hvs_m(calm, calm + checks) < 70


def test_structure_is_what_a_shift_in_lightness_leaves() -> None:
    plane = np.random.default_rng(2).uniform(20, 200, (200, 220))
    assert ms_ssim_db(plane, plane + 10) > 30
    assert ms_ssim_db(plane, np.flipud(plane)) < 3


def test_a_side_without_room_for_the_scales_is_refused() -> None:
    small = np.zeros((175, 300))
    with pytest.raises(ValueError, match="176 pixels, this picture has 175"):
        ms_ssim_db(small, small)
