"""The command touches nothing that is not its own, on a real file system, and can put originals back."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image
from tests.support.batch import Ran, compress
from tests.support.pictures import encoded, gradient

JPG = encoded(gradient(160, 120), quality=98)
PNG = encoded(Image.effect_noise((150, 110), 60), "PNG")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "hat.jpg").write_bytes(JPG)
    return folder


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def run(home: Path, *words: str | Path) -> Ran:
    return compress(home, *words, "--quality", "60")


def message_of(ran: Ran, name: str) -> str:
    return next(str(row["message"]) for row in ran.rows if Path(row["path"]).name == name)


@pytest.mark.parametrize("words", [(), ("-o", "out")], ids=["beside", "mirror"])
def test_a_file_that_no_run_has_made_is_not_replaced(
    photos: Path, tmp_path: Path, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    target = tmp_path / "out" / "hat.jpg" if words else photos / "hat.min.jpg"
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(b"somebody's own")
    refused = run(tmp_path, photos, *words)
    assert (refused.code, refused.outcomes, target.read_bytes()) == (1, {"hat.jpg": "failed"}, b"somebody's own")
    assert "no run of this command made it" in message_of(refused, "hat.jpg")
    numbered = run(tmp_path, photos, *words, "--on-conflict", "number")
    assert (numbered.code, target.read_bytes()) == (0, b"somebody's own")
    assert Path(numbered.rows[0]["target"]).name == ("hat-2.jpg" if words else "hat-2.min.jpg")
    again = run(tmp_path, photos, *words, "--on-conflict", "number")
    assert again.outcomes == {"hat.jpg": "done before"}


def test_its_own_results_are_replaced_with_other_options_and_when_they_are_made_again(
    photos: Path, tmp_path: Path
) -> None:
    assert run(tmp_path, photos).code == 0
    first = (photos / "hat.min.jpg").read_bytes()
    assert compress(tmp_path, photos, "--quality", "30").outcomes == {"hat.jpg": "compressed"}
    assert (photos / "hat.min.jpg").read_bytes() != first
    assert run(tmp_path, photos, "--force").outcomes == {"hat.jpg": "compressed"}
    assert run(tmp_path, photos).outcomes == {"hat.jpg": "done before"}


@pytest.mark.parametrize("words", [("-o", "out"), ("--in-place",), ("-o", "out", "--width", "20")])
def test_results_beside_their_sources_are_no_sources_of_another_run(
    photos: Path, tmp_path: Path, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (photos / "shoe.min.jpg").write_bytes(PNG)  # somebody's own, which is called like that
    assert compress(tmp_path, photos / "hat.jpg").code == 0
    made = (photos / "hat.min.jpg").read_bytes()
    ran = compress(tmp_path, photos, *words, "--quality", "30")
    assert ran.outcomes == {"hat.jpg": "compressed", "hat.min.jpg": "left alone", "shoe.min.jpg": "compressed"}
    assert "an earlier run has made it" in message_of(ran, "hat.min.jpg")
    assert (photos / "hat.min.jpg").read_bytes() == made
    assert not (tmp_path / "out" / "hat.min.jpg").exists()


@pytest.mark.parametrize("target", ["hat.png", "hat.webp"])
def test_no_name_changes_when_a_sibling_appears(photos: Path, tmp_path: Path, target: str) -> None:
    words = (photos, "-o", tmp_path / "out", "--format", "webp")
    assert run(tmp_path, *words).code == 0
    before = files(tmp_path / "out")
    (photos / target).write_bytes(PNG)
    assert run(tmp_path, *words).code == 0
    after = files(tmp_path / "out")
    assert {name: after.get(name) for name in before if not name.startswith(".")} == {
        name: content for name, content in before.items() if not name.startswith(".")
    }
    assert len(after) == len(before) + 1


def test_a_link_beside_its_target_yields_both_names(photos: Path, tmp_path: Path) -> None:
    (photos / "link.jpg").symlink_to("hat.jpg")
    assert run(tmp_path, photos, "-o", tmp_path / "out", "--follow-links").code == 0
    made = files(tmp_path / "out")
    assert made["hat.jpg"] == made["link.jpg"]
    assert run(tmp_path, photos / "hat.jpg", photos / "link.jpg").code == 0
    assert (photos / "link.min.jpg").read_bytes() == (photos / "hat.min.jpg").read_bytes()


def test_in_place_a_link_stays_a_link(photos: Path, tmp_path: Path) -> None:
    (photos / "link.jpg").symlink_to("hat.jpg")
    assert run(tmp_path, photos, "--in-place", "--follow-links").code == 0
    assert (photos / "link.jpg").is_symlink()
    assert len((photos / "link.jpg").read_bytes()) < len(JPG)


def test_a_file_with_two_names_is_left_alone_and_named(photos: Path, tmp_path: Path) -> None:
    (photos / "same.jpg").hardlink_to(photos / "hat.jpg")
    ran = run(tmp_path, photos, "--in-place")
    assert ran.outcomes == {"hat.jpg": "left alone", "same.jpg": "left alone"}
    assert "hard links" in message_of(ran, "hat.jpg")
    assert (photos / "hat.jpg").samefile(photos / "same.jpg")


def test_a_mirror_is_complete(photos: Path, tmp_path: Path) -> None:
    (photos / "broken.jpg").write_bytes(b"no picture")
    ran = run(tmp_path, photos, "-o", tmp_path / "out")
    assert (ran.code, ran.outcomes["broken.jpg"]) == (1, "failed")
    assert "Copied as it is" in message_of(ran, "broken.jpg")
    assert (tmp_path / "out" / "broken.jpg").read_bytes() == b"no picture"
    assert run(tmp_path, photos, "-o", tmp_path / "out").code == 1


def test_originals_are_kept_and_put_back_with_names_times_and_permissions(photos: Path, tmp_path: Path) -> None:
    (photos / "sub").mkdir()
    (photos / "sub" / "cap.png").write_bytes(PNG)
    for path in (photos / "hat.jpg", photos / "sub" / "cap.png"):
        path.chmod(0o640)
        os.utime(path, (1_000_000, 1_000_000))
    before = files(photos)
    words = (photos, "--in-place", "--backup", tmp_path / "kept", "--format", "webp")
    assert run(tmp_path, *words).code == 0
    assert sorted(files(photos)) == ["hat.webp", "sub/cap.webp"]
    undone = compress(tmp_path, "--undo", tmp_path / "kept")
    assert (undone.code, undone.summary["restored"], files(photos)) == (0, 2, before)
    status = (photos / "hat.jpg").stat()
    assert (status.st_mode & 0o777, status.st_mtime) == (0o640, 1_000_000)
    assert compress(tmp_path, "--undo", tmp_path / "kept").summary["done before"] == 2


def test_what_was_changed_since_is_not_put_back(photos: Path, tmp_path: Path) -> None:
    assert run(tmp_path, photos, "--in-place", "--backup", tmp_path / "kept").code == 0
    (photos / "hat.jpg").write_bytes(b"painted over")
    undone = compress(tmp_path, "--undo", tmp_path / "kept")
    assert (undone.code, undone.outcomes) == (1, {"hat.jpg": "left alone"})
    assert (photos / "hat.jpg").read_bytes() == b"painted over"


def test_two_rounds_of_one_picture_keep_its_first_original(photos: Path, tmp_path: Path) -> None:
    words = (photos, "--in-place", "--backup", tmp_path / "kept")
    assert run(tmp_path, *words).code == 0
    assert compress(tmp_path, *words, "--width", "40", "--quality", "50").code == 0
    assert compress(tmp_path, "--undo", tmp_path / "kept").code == 0
    assert (photos / "hat.jpg").read_bytes() == JPG


def test_what_is_no_backup_is_refused(tmp_path: Path) -> None:
    undone = compress(tmp_path, "--undo", tmp_path)
    assert (undone.code, "is no backup" in undone.errors) == (2, True)


def test_extended_attributes_stay(photos: Path, tmp_path: Path) -> None:
    try:
        os.setxattr(photos / "hat.jpg", "user.origin", b"studio 2")
    except OSError:
        pytest.skip("this file system keeps no extended attributes")
    assert run(tmp_path, photos, "--in-place").code == 0
    assert os.getxattr(photos / "hat.jpg", "user.origin") == b"studio 2"


# A result's own name.


def test_one_picture_goes_into_the_file_that_is_named_in_the_format_that_its_name_says(
    photos: Path, tmp_path: Path
) -> None:
    for name, kind in (("small.jpg", "JPEG"), ("new/small.webp", "WEBP"), ("SMALL.JPEG", "JPEG")):
        done = run(tmp_path, photos / "hat.jpg", "-o", tmp_path / name)
        assert (done.code, done.rows[0]["target"]) == (0, str(tmp_path / name))
        with Image.open(tmp_path / name) as picture:
            assert picture.format == kind
    assert (photos / "hat.jpg").read_bytes() == JPG
    assert not [path for path in tmp_path.rglob(".leanpix-state*") if path.is_file()]


def test_a_named_file_that_is_somebody_s_own_stays(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "small.jpg").write_bytes(b"somebody's own")
    refused = run(tmp_path, photos / "hat.jpg", "-o", tmp_path / "small.jpg")
    assert (refused.code, (tmp_path / "small.jpg").read_bytes()) == (1, b"somebody's own")


def test_what_is_no_picture_makes_no_file_of_the_name(tmp_path: Path) -> None:
    (tmp_path / "notes.jpg").write_bytes(b"notes")
    failed = run(tmp_path, tmp_path / "notes.jpg", "-o", tmp_path / "small.webp")
    assert (failed.code, failed.outcomes) == (1, {"notes.jpg": "failed"})
    assert not (tmp_path / "small.webp").exists()


def test_a_named_file_is_the_source_s_copy_where_that_is_as_small_as_it_gets(photos: Path, tmp_path: Path) -> None:
    assert run(tmp_path, photos / "hat.jpg", "-o", tmp_path / "one.jpg").code == 0
    done = compress(tmp_path, tmp_path / "one.jpg", "-o", tmp_path / "two.jpg", "--quality", "60")
    assert done.outcomes == {"one.jpg": "kept"}
    assert (tmp_path / "two.jpg").read_bytes() == (tmp_path / "one.jpg").read_bytes()


def test_a_folder_with_a_picture_s_extension_is_a_folder(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "all.jpg").mkdir()
    assert run(tmp_path, photos / "hat.jpg", "-o", tmp_path / "all.jpg").code == 0
    assert (tmp_path / "all.jpg" / "hat.jpg").is_file()


def test_a_backup_within_the_folder_is_never_compressed(photos: Path, tmp_path: Path) -> None:
    (photos / "kept").mkdir()
    words = (photos, "--in-place", "--backup", photos / "kept")
    assert run(tmp_path, *words).outcomes == {"hat.jpg": "compressed"}
    again = [run(tmp_path, *words), run(tmp_path, photos, "--in-place")]
    assert [ran.outcomes for ran in again] == [{"hat.jpg": "done before"}] * 2
    assert (photos / "kept" / "hat.jpg").read_bytes() == JPG
