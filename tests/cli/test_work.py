"""What is done to one picture: decided and written, over an engine that is told what to answer."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from threading import Barrier

import pytest
from tests.support.pictures import encoded, gradient

from leanpix.cli.batch.items import Item, Outcome, Source
from leanpix.cli.batch.place import Placement, Where
from leanpix.cli.batch.state import Journal, options_digest
from leanpix.cli.batch.work import Result, Work
from leanpix.domain.errors import SetupError, TaskFailure
from leanpix.domain.formats import OutputFormat
from leanpix.domain.own_mark import marked
from leanpix.domain.request import CompressionOptions
from leanpix.domain.states import TaskState

JPG, PNG, WEBP, GIF = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WEBP", b"GIF89a"
BIG = JPG + b"x" * 5000
IN_PLACE, BESIDE = Placement(Where.IN_PLACE), Placement(Where.BESIDE)


@dataclass
class ToldEngine:
    """Answers every picture with the same bytes."""

    answer: bytes = JPG + b"y" * 1000
    calls: list[str] = field(default_factory=list)
    meanwhile: Callable[[], object] = lambda: None

    def compress(self, name: str, source: bytes, options: CompressionOptions) -> Result:
        del source, options
        self.calls.append(name)
        self.meanwhile()
        if not self.answer:
            raise TaskFailure(TaskState.INVALID_IMAGE)
        return Result(self.answer, 80.0)

    def abandon(self) -> None:
        """Nothing is under way."""


def source_at(path: Path, content: bytes = BIG, mode: int = 0o644) -> Source:
    path.write_bytes(content)
    path.chmod(mode)
    os.utime(path, (1_000_000, 1_000_000))
    return Source(path, PurePath(path.name))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def work_on(
    source: Source,
    engine: ToldEngine,
    placement: Placement,
    options: CompressionOptions | None = None,
    *,
    state: Path | None = None,
    is_dry: bool = False,
) -> Item:
    asked = options or CompressionOptions()
    with Journal(state, asked) as journal:
        return Work(engine, asked, placement, journal, is_dry=is_dry)(source)


def test_a_smaller_result_replaces_its_source_with_its_permissions_and_times(tmp_path: Path) -> None:
    source = source_at(tmp_path / "a.jpg", mode=0o640)
    item = work_on(source, ToldEngine(), IN_PLACE)
    status = source.path.stat()
    assert (item.outcome, source.path.read_bytes()) == (Outcome.COMPRESSED, marked(ToldEngine().answer))
    assert (status.st_mode & 0o777, status.st_mtime) == (0o640, 1_000_000)
    assert names(tmp_path) == ["a.jpg"]


@pytest.mark.parametrize("size", [len(BIG), len(BIG) + 1])
def test_a_result_that_is_no_smaller_replaces_nothing(tmp_path: Path, size: int) -> None:
    source = source_at(tmp_path / "a.jpg")
    engine = ToldEngine(JPG + b"y" * (size - len(JPG)))
    assert work_on(source, engine, IN_PLACE, CompressionOptions(width_px=10)).outcome is Outcome.KEPT
    assert source.path.read_bytes() == BIG


def test_a_mirrored_tree_gets_the_source_where_the_result_is_no_smaller(tmp_path: Path) -> None:
    source = source_at(tmp_path / "a.jpg")
    item = work_on(source, ToldEngine(BIG), Placement(Where.MIRROR, tmp_path / "out"))
    assert item.outcome is Outcome.KEPT
    assert (tmp_path / "out" / "a.jpg").read_bytes() == BIG


def test_beside_its_source_a_result_is_marked_and_only_there_when_smaller(tmp_path: Path) -> None:
    source = source_at(tmp_path / "a.jpeg")
    assert work_on(source, ToldEngine(), BESIDE).target == tmp_path / "a.min.jpeg"
    assert work_on(source_at(tmp_path / "b.jpg"), ToldEngine(BIG), BESIDE).outcome is Outcome.KEPT
    assert names(tmp_path) == ["a.jpeg", "a.min.jpeg", "b.jpg"]


def test_a_new_format_takes_the_place_of_the_old_one_but_of_no_other_file(tmp_path: Path) -> None:
    options, engine = CompressionOptions(format=OutputFormat.WEBP), ToldEngine(WEBP + b"y")
    assert work_on(source_at(tmp_path / "a.jpg"), engine, IN_PLACE, options).target == tmp_path / "a.webp"
    assert names(tmp_path) == ["a.webp"]
    refused = work_on(source_at(tmp_path / "a.jpg"), engine, IN_PLACE, options)
    assert (refused.outcome, "there already" in refused.message) == (Outcome.FAILED, True)
    assert (tmp_path / "a.jpg").read_bytes() == BIG


def test_of_two_pictures_that_become_one_name_at_once_one_stays(tmp_path: Path) -> None:
    options, both = CompressionOptions(format=OutputFormat.WEBP), Barrier(2)
    engine = ToldEngine(WEBP + b"y", meanwhile=both.wait)
    sources = [source_at(tmp_path / name, content) for name, content in (("a.jpg", BIG), ("a.png", PNG + b"x" * 5000))]
    with Journal(None, options) as journal, ThreadPoolExecutor(2) as threads:
        items = list(threads.map(Work(engine, options, IN_PLACE, journal), sources))
    assert {item.outcome for item in items} == {Outcome.COMPRESSED, Outcome.FAILED}
    left = next(item.path.name for item in items if item.outcome is Outcome.FAILED)
    assert names(tmp_path) == sorted(["a.webp", left])


def test_in_place_no_format_changes_unasked(tmp_path: Path) -> None:
    engine = ToldEngine(WEBP)
    item = work_on(source_at(tmp_path / "a.gif", GIF + b"x" * 99), engine, IN_PLACE)
    assert (item.outcome, engine.calls) == (Outcome.LEFT, [])


def test_a_wrong_extension_stays_as_it_is(tmp_path: Path) -> None:
    assert work_on(source_at(tmp_path / "a.png"), ToldEngine(), IN_PLACE).target == tmp_path / "a.png"


def test_a_result_in_another_format_keeps_the_old_extension_whatever_lies_beside_it(tmp_path: Path) -> None:
    source = source_at(tmp_path / "a.jpg")
    item = work_on(source, ToldEngine(WEBP), Placement(Where.MIRROR, tmp_path / "out"))
    assert item.target == tmp_path / "out" / "a.jpg.webp"
    assert work_on(source, ToldEngine(WEBP), BESIDE).target == tmp_path / "a.jpg.min.webp"


def test_in_place_a_read_only_picture_is_left_alone_and_named(tmp_path: Path) -> None:
    source = source_at(tmp_path / "a.jpg", mode=0o444)
    left = work_on(source, ToldEngine(), IN_PLACE)
    assert (left.outcome, left.message, source.path.read_bytes()) == (Outcome.LEFT, "it is read-only", BIG)
    assert work_on(source, ToldEngine(), BESIDE).outcome is Outcome.COMPRESSED


def test_a_source_that_changes_meanwhile_is_left_as_it_is(tmp_path: Path) -> None:
    source = source_at(tmp_path / "a.jpg")
    engine = ToldEngine(meanwhile=lambda: source.path.write_bytes(b"new"))
    assert work_on(source, engine, IN_PLACE).outcome is Outcome.FAILED
    assert source.path.read_bytes() == b"new"


def test_a_dry_run_compresses_and_writes_nothing(tmp_path: Path) -> None:
    source = source_at(tmp_path / "a.jpg")
    item = work_on(source, ToldEngine(), Placement(Where.MIRROR, tmp_path / "out"), is_dry=True)
    assert (item.outcome, item.size_after) == (Outcome.COMPRESSED, len(ToldEngine().answer))
    assert names(tmp_path) == ["a.jpg"]


def test_what_is_done_is_not_done_again_unless_options_or_results_differ(tmp_path: Path) -> None:
    source, engine, state = source_at(tmp_path / "a.jpg"), ToldEngine(), tmp_path / "state"
    mirror = Placement(Where.MIRROR, tmp_path / "out")
    ends = [work_on(source, engine, mirror, state=state).outcome for _ in range(2)]
    ends.append(work_on(source, engine, mirror, CompressionOptions(quality=50), state=state).outcome)
    (tmp_path / "out" / "a.jpg").unlink()
    ends.append(work_on(source, engine, mirror, state=state).outcome)
    assert ends == [Outcome.COMPRESSED, Outcome.DONE, Outcome.COMPRESSED, Outcome.COMPRESSED]


@dataclass(frozen=True, slots=True)
class LaterOptions(CompressionOptions):
    """The options of a later release, which has one more."""

    brightness: int = 0


def test_a_new_option_leaves_what_earlier_releases_made_alone(tmp_path: Path) -> None:
    source, engine, state = source_at(tmp_path / "a.jpg"), ToldEngine(), tmp_path / "state"
    asked = CompressionOptions(format=OutputFormat.JPG, quality=70)
    later = LaterOptions(format=OutputFormat.JPG, quality=70)
    work_on(source, engine, IN_PLACE, asked, state=state)
    assert work_on(source, engine, IN_PLACE, later, state=state).outcome is Outcome.DONE
    given = LaterOptions(format=OutputFormat.JPG, quality=70, brightness=1)
    assert options_digest(given) != options_digest(asked)


def test_a_result_is_never_compressed_again_wherever_it_was_moved(tmp_path: Path) -> None:
    source, engine, state = source_at(tmp_path / "a.jpg"), ToldEngine(), tmp_path / "state"
    work_on(source, engine, IN_PLACE, state=state)
    moved = source_at(tmp_path / "b.jpg", source.path.read_bytes())
    assert work_on(moved, engine, IN_PLACE, state=state).outcome is Outcome.DONE
    assert work_on(moved, engine, BESIDE, state=state).outcome is Outcome.KEPT
    assert engine.calls == ["a.jpg"]


def test_a_journal_that_was_cut_short_loses_one_line_only(tmp_path: Path) -> None:
    state, engine = tmp_path / "state", ToldEngine()
    first, second = source_at(tmp_path / "a.jpg"), source_at(tmp_path / "b.jpg", BIG + b"2")
    work_on(first, engine, BESIDE, state=state)
    whole = state.read_bytes()
    state.write_bytes(whole + whole[:50])
    work_on(second, engine, BESIDE, state=state)
    ends = [work_on(source, engine, BESIDE, state=state).outcome for source in (first, second)]
    assert ends == [Outcome.DONE, Outcome.DONE]


def test_a_journal_that_cannot_be_kept_is_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(SetupError, match="--state"), Journal(tmp_path / "file" / "state", CompressionOptions()):
        pytest.fail("it was opened")


def test_what_is_no_picture_or_cannot_be_read_fails_alone(tmp_path: Path) -> None:
    assert work_on(source_at(tmp_path / "a.jpg"), ToldEngine(b""), BESIDE).outcome is Outcome.FAILED
    missing = work_on(Source(tmp_path / "none.jpg", PurePath("none.jpg")), ToldEngine(), BESIDE)
    assert (missing.outcome, missing.message) == (Outcome.FAILED, "No such file or directory")
    os.mkfifo(tmp_path / "pipe.jpg")
    assert work_on(Source(tmp_path / "pipe.jpg", PurePath("p")), ToldEngine(), BESIDE).outcome is Outcome.FAILED


def test_a_result_in_place_is_known_on_another_machine_with_other_options(tmp_path: Path) -> None:
    source, engine = source_at(tmp_path / "a.jpg"), ToldEngine(encoded(gradient()))
    source.path.write_bytes(encoded(gradient(), quality=100))
    first = work_on(source, engine, IN_PLACE, state=tmp_path / "one")
    result = source.path.read_bytes()
    again = work_on(source, engine, IN_PLACE, CompressionOptions(quality=20), state=tmp_path / "another")
    assert (first.outcome, again.outcome, len(engine.calls)) == (Outcome.COMPRESSED, Outcome.DONE, 1)
    assert source.path.read_bytes() == result
    work_on(source, engine, IN_PLACE, CompressionOptions(quality=20))  # told to forget
    assert len(engine.calls) == 2
