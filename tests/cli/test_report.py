"""The report is one page that shows what came of a batch."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path, PurePath

import pytest

from leanpix.cli.batch.items import Item, Outcome, Source, Totals, WorstPlace
from leanpix.cli.batch.report import report_page
from leanpix.cli.batch.showcase import Showcase

JPG = b"\xff\xd8\xff"


def see(showcase: Showcase, name: str, before: int, after: int, worst: WorstPlace | None = None) -> None:
    showcase.see(Source(Path(name), PurePath(name)), JPG + b"x" * before, JPG + b"y" * after, worst)


def test_the_page_shows_totals_savings_pairs_and_every_picture_and_loads_nothing() -> None:
    showcase = Showcase()
    see(showcase, "a.jpg", 997, 497, WorstPlace(0.25, 0.5, 0.125, 0.0625))
    items = [
        Item(Path("a.jpg"), Outcome.COMPRESSED, 1000, 500, Path("a.jpg"), score=81.25),
        Item(Path("old.jpg"), Outcome.DONE, 3000, 500, Path("old.jpg")),
        Item(Path("<b>.jpg"), Outcome.FAILED, message="Invalid <image>"),
    ]
    page = report_page(items, Totals.of(items, 5), showcase)
    assert "\u221275%" in page  # over all runs
    assert "this run: 0.98 KB \u2192 500 B (50.0% saved)" in page
    assert "<b>2</b> not begun" in page
    assert '<b>1</b><i style="height: 100.0%"></i><span>50\u201360 %</span>' in page
    assert page.count("data:image/jpeg;base64,") == 4  # before and after, as the best and as the worst
    assert "left: 25.00%; top: 50.00%; width: 12.50%; height: 6.25%" in page
    assert "score 81.2" in page
    rows = re.findall(r'<th scope="row" data-v="([^"]*)"', page)
    assert rows == ["&lt;b&gt;.jpg", "a.jpg", "old.jpg"]  # the failed one first
    assert "Invalid &lt;image&gt;" in page
    assert all(text not in page for text in ("http://", "https://", "<b>.jpg"))


def test_no_script_runs_but_the_pages_own() -> None:
    page = report_page([], Totals(), Showcase())
    (script,) = re.findall(r"<script[^>]*>(.*?)</script>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in page


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        ({"width_px": 200, "height_px": 100, "worst": None}, None),
        ({}, None),
        ({"width_px": 200, "height_px": 100, "worst": {"left_px": 1}}, None),
        (
            {
                "width_px": 200,
                "height_px": 100,
                "worst": {"left_px": 50, "top_px": 50, "width_px": 20, "height_px": 10, "measure": "chroma"},
            },
            WorstPlace(0.25, 0.5, 0.1, 0.1),
        ),
    ],
)
def test_the_worst_place_is_read_from_a_report_of_any_server(
    report: dict[str, object], expected: WorstPlace | None
) -> None:
    assert WorstPlace.of(report) == expected


def test_a_page_of_nothing_is_a_page() -> None:
    assert "Totals" in report_page([], Totals(), Showcase())


def test_the_showcase_keeps_the_best_and_the_worst_and_no_more() -> None:
    showcase = Showcase()
    for number in range(100):
        see(showcase, str(number), 1000, 10 * number)
    see(showcase, "huge", 3 << 20, 1)
    assert [shown.path.name for shown in showcase.best] == ["0", "1", "2", "3", "4", "5"]
    assert [shown.path.name for shown in showcase.worst] == ["99", "98", "97", "96", "95", "94"]
