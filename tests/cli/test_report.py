"""The report is one page that shows what came of a batch."""

from __future__ import annotations

from pathlib import Path, PurePath

from leanpix.cli.batch.items import Item, Outcome, Source, Totals
from leanpix.cli.batch.report import report_page
from leanpix.cli.batch.showcase import Showcase

JPG = b"\xff\xd8\xff"


def see(showcase: Showcase, name: str, before: int, after: int) -> None:
    showcase.see(Source(Path(name), PurePath(name)), JPG + b"x" * before, JPG + b"y" * after)


def test_the_page_shows_totals_savings_pairs_and_failures_and_loads_nothing() -> None:
    showcase = Showcase()
    see(showcase, "a.jpg", 997, 497)
    items = [
        Item(Path("a.jpg"), Outcome.COMPRESSED, 1000, 500, Path("a.jpg"), score=81.25),
        Item(Path("<b>.jpg"), Outcome.FAILED, message="Invalid <image>"),
    ]
    page = report_page(items, Totals.of(items), showcase)
    assert "50.0%" in page
    assert "<td>50-60 %</td><td class=n>1</td>" in page
    assert page.count("data:image/jpeg;base64,") == 4  # before and after, as the best and as the worst
    assert "score 81.2" in page
    assert "&lt;b&gt;.jpg</td><td>failed</td><td>Invalid &lt;image&gt;" in page
    assert all(text not in page for text in ("http://", "https://", "<script", "<b>"))


def test_a_page_of_nothing_is_a_page() -> None:
    assert "Totals" in report_page([], Totals(), Showcase())


def test_the_showcase_keeps_the_best_and_the_worst_and_no_more() -> None:
    showcase = Showcase()
    for number in range(100):
        see(showcase, str(number), 1000, 10 * number)
    see(showcase, "huge", 3 << 20, 1)
    assert [shown.path.name for shown in showcase.best] == ["0", "1", "2", "3", "4", "5"]
    assert [shown.path.name for shown in showcase.worst] == ["99", "98", "97", "96", "95", "94"]
