"""What people are shown: sizes of one meaning, a summary that reads on any width, counts that add up."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from leanpix.cli import app
from leanpix.cli.batch.items import Item, Outcome, Totals
from leanpix.cli.batch.lines import totals_as_json
from leanpix.cli.batch.select import Selection
from leanpix.cli.batch.show import show_advice, show_summary
from leanpix.cli.batch.sizes import shown_size
from leanpix.domain.formats import OutputFormat
from leanpix.domain.report import Advice

ITEMS = [
    Item(Path("photos/a rather long name of a hat.jpg"), Outcome.COMPRESSED, 1 << 20, 204_800, score=75.31),
    Item(Path("photos/cap.png"), Outcome.KEPT, 1000, 1000),
    Item(Path("photos/scarf.png"), Outcome.DONE, 3 << 20, 1 << 20),
    Item(Path("photos/broken.jpg"), Outcome.FAILED, message="Invalid image file"),
]


@pytest.mark.parametrize(
    ("size", "told"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "0.98 KB"),
        (20 * 1024, "20.0 KB"),
        (1023_948, "1000 KB"),
        (1 << 20, "1.00 MB"),
    ],
)
def test_a_kb_is_1024_bytes_as_in_the_api(size: int, told: str) -> None:
    assert shown_size(size) == told.replace("1000 KB", "0.98 MB")


def test_at_40_columns_each_line_fits_and_nothing_is_cut(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    show_summary(ITEMS, Totals.of(ITEMS, 9), Selection(left_out=3, ignored=2), 1.5, is_dry=False)
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if len(line.rstrip()) > 40] == []
    told = " ".join(" ".join(lines).split())
    assert "1.00 MB -> 200 KB 80.5% score 75.3" in told
    assert "not begun 5" in told
    assert "all runs 4.00 MB -> 1.20 MB (70.1% saved)" in told


def test_a_wide_terminal_has_a_table(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    show_summary(ITEMS, Totals.of(ITEMS), Selection(), 1.5, is_dry=True)
    told = capsys.readouterr().out
    assert "before" in told
    assert "nothing written (dry run)" in told


def test_counts_add_up_and_earlier_runs_count_in_the_totals_over_all() -> None:
    summary = json.loads(totals_as_json(Totals.of(ITEMS, 9), Selection(), 1.0))["summary"]
    assert summary["pictures"] == sum(summary[outcome.value] for outcome in Outcome) == 9
    assert (summary["not begun"], summary["bytes_before"]) == (5, (1 << 20) + 1000)
    assert summary["all_runs_bytes_before"] == (4 << 20) + 1000


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ([], "nothing is there"),
        (["a.txt"], "1 other file not taken, see --include"),
        ([".git/HEAD", ".gitignore", "a.jpg"], "left out by .gitignore, see --no-gitignore"),
    ],
)
def test_a_folder_without_pictures_is_said_in_words(names: list[str], told: str, tmp_path: Path) -> None:
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("*")
    done = CliRunner().invoke(app, ["compress", str(tmp_path)])
    assert (done.exit_code, done.stdout) == (0, "")
    assert f"no pictures in {tmp_path}: " in done.stderr
    assert told in done.stderr


def test_what_would_take_less_than_half_in_another_format_is_said_once_a_format(
    capsys: pytest.CaptureFixture[str],
) -> None:
    made = [
        Item(Path(name), Outcome.COMPRESSED, 1 << 20, 512_000, advice=Advice(OutputFormat.JPG, 102_400))
        for name in ("a.png", "b.png")
    ]
    show_advice([*made, *ITEMS])
    told = "leanpix: about 200 KB instead of 1000 KB at the same look as jpg: a.png and 1 more\n"
    assert capsys.readouterr().err.replace("0.98 MB", "1000 KB") == told
