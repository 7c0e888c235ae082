"""Which files of a folder are taken."""

from __future__ import annotations

from pathlib import Path, PurePath

import pytest

from leanpix.cli.batch.items import Outcome
from leanpix.cli.batch.place import Where
from leanpix.cli.batch.select import Rules, select


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "shop"
    for name in ("a.JPG", "b.png", "notes.txt", ".hidden.jpg", "sub/c.webp", "sub/thumbs/d.jpg", ".git/e.jpg"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return root


def taken(folder: Path, rules: Rules) -> list[str]:
    return sorted(source.relative.as_posix() for source in select([folder], rules).sources)


def test_pictures_are_told_by_their_extension_in_any_case_and_the_rest_is_counted(folder: Path) -> None:
    assert taken(folder, Rules()) == ["a.JPG", "b.png", "sub/c.webp", "sub/thumbs/d.jpg"]
    assert select([folder], Rules()).left_out == 2


def test_include_and_exclude_match_names_and_paths_and_prune_folders(folder: Path) -> None:
    assert taken(folder, Rules(include=["*.jpg"])) == ["a.JPG", "sub/thumbs/d.jpg"]
    assert taken(folder, Rules(include=["notes.*"])) == ["notes.txt"]
    assert taken(folder, Rules(exclude=["thumbs", "b.*"])) == ["a.JPG", "sub/c.webp"]
    assert taken(folder, Rules(exclude=["sub/*"])) == ["a.JPG", "b.png"]


def test_a_named_file_needs_no_extension_and_two_folders_keep_their_names(folder: Path) -> None:
    found = select([folder / "notes.txt", folder / "sub"], Rules())
    assert [s.relative for s in found.sources] == [
        PurePath("notes.txt"),
        PurePath("sub/c.webp"),
        PurePath("sub/thumbs/d.jpg"),
    ]


def test_what_is_named_twice_is_taken_once(folder: Path) -> None:
    assert len(select([folder / "a.JPG", folder / "a.JPG"], Rules()).sources) == 1


def test_links_are_followed_only_on_request_and_a_loop_ends(folder: Path) -> None:
    (folder / "sub" / "loop").symlink_to(folder)
    (folder / "link.jpg").symlink_to(folder / "a.JPG")
    (folder.parent / "else").mkdir()
    (folder.parent / "else" / "z.jpg").write_bytes(b"x")
    (folder / "elsewhere").symlink_to(folder.parent / "else")
    assert "elsewhere/z.jpg" not in taken(folder, Rules())
    followed = taken(folder, Rules(follow_links=True))
    assert followed == ["a.JPG", "b.png", "elsewhere/z.jpg", "link.jpg", "sub/c.webp", "sub/thumbs/d.jpg"]
    in_place = select([folder], Rules(follow_links=True, where=Where.IN_PLACE)).sources
    assert len({source.path.resolve() for source in in_place}) == len(in_place) == 5


def test_the_output_folder_and_earlier_results_are_not_sources(folder: Path) -> None:
    (folder / "sub" / "c.min.webp").write_bytes(b"x")
    assert "sub/c.min.webp" not in taken(folder, Rules(where=Where.BESIDE))
    assert taken(folder, Rules(outside=(folder / "sub").resolve())) == ["a.JPG", "b.png"]


def test_two_sources_for_one_place_are_refused_by_name(tmp_path: Path) -> None:
    for name in ("x/a.jpg", "y/a.jpg"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(b"x")
    found = select([tmp_path / "x" / "a.jpg", tmp_path / "y" / "a.jpg"], Rules())
    assert len(found.sources) == 1
    assert [(p.outcome, "x/a.jpg" in p.message) for p in found.problems] == [(Outcome.FAILED, True)]
    in_place = select([tmp_path / "x" / "a.jpg", tmp_path / "y" / "a.jpg"], Rules(where=Where.IN_PLACE))
    assert (len(in_place.sources), in_place.problems) == (2, [])
