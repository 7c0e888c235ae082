"""In place, a picture stays whose result would lose what people see in it."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from tests.support.batch import compress
from tests.support.pictures import gradient

from leanpix.cli.batch.items import Outcome
from leanpix.domain.holding import Holding


def animated(path: Path) -> bytes:
    frames = [gradient(90, 70).rotate(turn) for turn in (0, 90, 180)]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=80)
    return path.read_bytes()


def test_an_animation_is_left_alone_and_named_unless_its_loss_is_allowed(tmp_path: Path) -> None:
    path = tmp_path / "wave.webp"
    before = animated(path)
    words = (path, "--in-place", "--format", "jpg", "--quality", "20")
    kept = compress(tmp_path, *words)
    assert (kept.outcomes, path.read_bytes()) == ({"wave.webp": Outcome.LEFT}, before)
    assert "--allow-loss animation" in kept.rows[0]["message"]
    assert kept.rows[0]["lost"] == [Holding.ANIMATION]
    done = compress(tmp_path, *words, "--allow-loss", "animation,alpha")
    assert done.outcomes == {"wave.webp": Outcome.COMPRESSED}
    assert (tmp_path / "wave.jpg").exists()


def test_transparency_too(tmp_path: Path) -> None:
    made = Image.merge("RGBA", [Image.effect_noise((90, 70), 90) for _ in range(4)])
    made.save(tmp_path / "hat.png")
    kept = compress(tmp_path, tmp_path / "hat.png", "--in-place", "--format", "jpg")
    assert kept.outcomes == {"hat.png": Outcome.LEFT}
    beside = compress(tmp_path, tmp_path / "hat.png", "--format", "jpg")
    assert (beside.outcomes, beside.rows[0]["lost"]) == ({"hat.png": Outcome.COMPRESSED}, [Holding.ALPHA])


def test_metadata_is_told_and_keeps_nothing_from_being_replaced(tmp_path: Path) -> None:
    block = Image.Exif()
    block[0x8298] = "Ann"
    gradient(160, 120).save(tmp_path / "hat.jpg", quality=98, exif=block)
    done = compress(tmp_path, tmp_path / "hat.jpg", "--in-place", "--quality", "60")
    assert (done.outcomes, done.rows[0]["lost"]) == ({"hat.jpg": Outcome.COMPRESSED}, [Holding.COPYRIGHT])


@pytest.mark.parametrize("kinds", ["sound", "animation,gps"])
def test_a_kind_that_is_none_is_named_with_those_that_are(tmp_path: Path, kinds: str) -> None:
    (tmp_path / "hat.jpg").write_bytes(b"")
    refused = compress(tmp_path, tmp_path / "hat.jpg", "--in-place", "--allow-loss", kinds)
    assert (refused.code, "animation" in refused.errors) == (2, True)
