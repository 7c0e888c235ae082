"""`leanpix check`: which pictures waste more than they may, told to people, programs and GitHub."""

from __future__ import annotations

from pathlib import Path

import pytest

from leanpix.batch_settings import BatchSettings
from leanpix.cli.batch.batch import BatchRequest, BatchRun, ExitCode
from leanpix.cli.batch.check import Style, is_wasteful, run_check
from leanpix.cli.batch.items import Item, Outcome, Source
from leanpix.cli.batch.place import Placement, Where
from leanpix.cli.batch.select import Rules
from leanpix.domain.request import CompressionOptions

WASTEFUL = Item(Path("a,b.jpg"), Outcome.COMPRESSED, 100_000, 40_000)
FINE = Item(Path("c.jpg"), Outcome.COMPRESSED, 100_000, 90_000)
BROKEN = Item(Path("d.jpg"), Outcome.FAILED, message="Invalid 100%\nimage")


@pytest.mark.parametrize(
    ("item", "most", "expected"),
    [
        (WASTEFUL, 10, True),
        (WASTEFUL, 60, False),
        (FINE, 10, False),
        (FINE, 9.9, True),
        (Item(Path("e.gif"), Outcome.LEFT, 100, 100), 0, False),
        (Item(Path("e.gif"), Outcome.DONE, 100, 10), 0, False),
    ],
)
def test_only_what_would_be_saved_counts_and_a_bound_is_not_more_than_itself(
    item: Item, most: float, *, expected: bool
) -> None:
    assert is_wasteful(item, most) is expected


def checked(
    items: list[Item], style: Style, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> tuple[ExitCode, str, str]:
    """A check whose pictures have ended so."""

    def end(_request: BatchRequest, _settings: BatchSettings, batch: BatchRun) -> ExitCode:
        batch.selection.sources = [Source(Path(item.path), item.path) for item in items]
        batch.items += items
        return ExitCode.SOME_FAILED if any(item.outcome is Outcome.FAILED for item in items) else ExitCode.DONE

    monkeypatch.setattr("leanpix.cli.batch.check.work_through", end)
    request = BatchRequest([Path("photos")], CompressionOptions(), Placement(Where.IN_PLACE), Rules())
    code = run_check(request, BatchSettings(), 10, style)
    told = capsys.readouterr()
    return code, told.out, told.err


def test_people_read_what_can_be_saved_and_how(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, out, err = checked([FINE, WASTEFUL], Style.TEXT, capsys, monkeypatch)
    assert (code, out) == (ExitCode.WASTEFUL, "a,b.jpg: 58.6 KB of 97.7 KB can be saved (60%)\n")
    assert "1 of 2 pictures could be smaller by more than 10 %" in err
    assert "leanpix compress --in-place photos" in err


def test_none_is_code_0_and_a_picture_that_cannot_be_read_code_1(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert checked([FINE], Style.TEXT, capsys, monkeypatch)[:2] == (ExitCode.DONE, "")
    assert checked([WASTEFUL, BROKEN], Style.TEXT, capsys, monkeypatch)[0] == ExitCode.SOME_FAILED


def test_github_gets_annotations_that_no_name_or_text_breaks(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GITHUB_WORKSPACE", raising=False)
    lines = checked([WASTEFUL, BROKEN], Style.GITHUB, capsys, monkeypatch)[1].splitlines()
    assert lines == [
        "::error file=a%2Cb.jpg,title=Picture could be smaller::58.6 KB of 97.7 KB can be saved (60%25)",
        "::error file=d.jpg,title=Picture could not be read::Invalid 100%25%0Aimage",
    ]
    monkeypatch.setenv("GITHUB_WORKSPACE", str(Path.cwd().parent))
    lines = checked([BROKEN], Style.GITHUB, capsys, monkeypatch)[1].splitlines()
    assert f"file={Path.cwd().name}/d.jpg," in lines[0]
