"""`leanpix vault`: an archive packed and given back, by the real command; originals go last."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

import pytest
from PIL import Image
from tests.support.corpus import CORPUS, needs_photographs
from tests.support.pictures import encoded, gradient
from tests.support.server import LEANPIX, clean_environment

from leanpix.cli.batch.vault import Done, pack_folder, restore_folder
from leanpix.domain.request import CompressionOptions
from leanpix.engine.codecs.jpeg_packing import repacked

MOST_BYTES = 400_000
WHEN_NS = 1_234_567_890_123_456_789


def vault(*words: str) -> subprocess.CompletedProcess[str]:
    command = [str(LEANPIX), "vault", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=clean_environment())


def state(folder: Path) -> dict[str, tuple[str, int, int]]:
    """Of each file its hash, time and mode."""
    return {
        str(path.relative_to(folder)): (
            hashlib.sha256(path.read_bytes()).hexdigest(),
            path.stat().st_mtime_ns,
            path.stat().st_mode,
        )
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Two JPEGs with metadata, one below; what is none; a CMYK one; a link."""
    folder = tmp_path / "archive"
    (folder / "2009 holidays").mkdir(parents=True)
    exif = Image.Exif()
    exif[0x8298] = "(c) Nobody"
    for name, quality in (("hat.jpg", 88), ("2009 holidays/säa 1.JPEG", 70)):
        path = folder / name
        path.write_bytes(encoded(gradient(320, 200), quality=quality, exif=exif.tobytes()) + b"behind its end")
        path.chmod(0o640)
        os.utime(path, ns=(WHEN_NS, WHEN_NS))
    (folder / "notes.txt").write_text("no picture")
    (folder / "ink.jpg").write_bytes(encoded(gradient(64, 64).convert("CMYK")))
    (folder / "no.jpg").write_bytes(b"no picture")
    (folder / "link.jpg").symlink_to("hat.jpg")
    return folder


def test_every_file_comes_back_as_it_was(archive: Path) -> None:
    before = state(archive)
    packed = vault(str(archive))
    assert packed.returncode == 0, packed.stderr
    assert packed.stdout.startswith("2 packed, ")
    assert not (archive / "hat.jpg").exists()
    assert (archive / "hat.jpg.jxl").stat().st_mtime_ns == WHEN_NS
    assert "CMYK" in packed.stderr
    assert "link.jpg: a link" in packed.stderr

    restored = vault("restore", str(archive))
    assert restored.returncode == 0, restored.stderr
    assert restored.stdout.startswith("2 given back, ")
    assert state(archive) == before


class InProcess:
    """The engine here, as a locked process has it; what it gives can be spoilt."""

    def __init__(self) -> None:
        self.spoils = False

    def transcode(self, source: bytes, options: CompressionOptions) -> bytes:
        assert options.packing is not None
        data = repacked(source, options.packing).data
        return data[:-1] + b"!" if self.spoils else data


def by_name(done: list[Done]) -> dict[str, Done]:
    return {one.path.name: one for one in done}


def test_an_original_stays_where_what_was_packed_reads_otherwise(archive: Path) -> None:
    before, engine = state(archive), InProcess()
    real = engine.transcode

    def spoilt(source: bytes, options: CompressionOptions) -> bytes:
        data = real(source, options)
        return data[:-1] + b"!" if data.startswith(b"\xff\xd8") else data

    engine.transcode = spoilt  # type: ignore[method-assign] # of this one alone
    done = by_name(list(pack_folder(archive, engine, 1)))
    assert done["hat.jpg"].is_failure
    assert state(archive) == before


def test_a_run_that_was_broken_off_goes_on(archive: Path) -> None:
    engine, original = InProcess(), (archive / "hat.jpg").read_bytes()
    list(pack_folder(archive, engine, 1))
    (archive / "hat.jpg").write_bytes(original)  # as it is between the writing and the removal
    again = by_name(list(pack_folder(archive, engine, 1)))
    assert again["hat.jpg"].problem is None
    assert not (archive / "hat.jpg").exists()

    (archive / "hat.jpg").write_bytes(encoded(gradient(64, 64)))
    other = by_name(list(pack_folder(archive, engine, 1)))
    assert other["hat.jpg"].is_failure
    assert (archive / "hat.jpg").exists()


def test_a_packed_file_that_is_damaged_is_not_taken_for_its_original(archive: Path) -> None:
    engine = InProcess()
    list(pack_folder(archive, engine, 1))
    packed = archive / "hat.jpg.jxl"
    content = bytearray(packed.read_bytes())
    content[-1] ^= 1
    packed.write_bytes(content)
    done = by_name(list(restore_folder(archive, engine, 1)))
    assert done["hat.jpg.jxl"].is_failure
    assert packed.exists()
    assert not (archive / "hat.jpg").exists()


def test_another_jpeg_xl_is_left_alone(archive: Path) -> None:
    (archive / "other.jpg.jxl").write_bytes(b"\xff\x0a" + bytes(100))
    done = by_name(list(restore_folder(archive, InProcess(), 1)))
    assert done["other.jpg.jxl"].problem == "it was not packed by this command"


def test_one_folder_has_to_be_named(tmp_path: Path) -> None:
    assert vault(str(tmp_path / "none")).returncode == 2
    assert vault("restore").returncode == 2


@needs_photographs
def test_every_jpeg_of_the_corpus_comes_back_or_is_refused_in_words(tmp_path: Path) -> None:
    """But for the largest, for the time they take: docs/decisions/0262 has them all."""
    jpegs = (path for path in CORPUS.iterdir() if path.suffix in {".jpg", ".jpeg"})
    sources = sorted(path for path in jpegs if path.stat().st_size < MOST_BYTES)
    for path in sources:
        (tmp_path / path.name).write_bytes(path.read_bytes())
    before, engine = state(tmp_path), InProcess()
    packed = list(pack_folder(tmp_path, engine, 1))
    taken = [one for one in packed if one.problem is None]
    assert len(packed) == len(sources)
    assert len(taken) >= 15
    assert sum(one.after_bytes for one in taken) < 0.85 * sum(one.before_bytes for one in taken)
    assert all(len(one.problem or "") > 5 and not one.is_failure for one in packed if one.problem is not None)
    assert all(one.problem is None for one in restore_folder(tmp_path, engine, 1))
    assert {name: found[0] for name, found in state(tmp_path).items()} == {
        name: found[0] for name, found in before.items()
    }
