"""What a batch shows to people: progress on a terminal, a summary."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.filesize import decimal
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from leanpix.cli.batch.items import Item, Outcome, Totals, shown_path
from leanpix.domain.holding import in_order

_MOST_ROWS = 20
_MOST_PROBLEMS = 20
_PROBLEMS = (Outcome.FAILED, Outcome.LEFT)


class _Rate(ProgressColumn):
    """Pictures a second."""

    def render(self, task: Task) -> Text:
        return Text("-" if task.speed is None else f"{task.speed:.1f}/s")


@contextmanager
def progress(total: int) -> Iterator[Callable[[Item], None]]:
    """A bar with rate, time left and bytes saved, on standard error where that is a terminal."""
    console = Console(stderr=True)
    columns = (BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn(), TextColumn("{task.description}"))
    if not console.is_terminal:
        yield lambda _item: None
        return
    totals = Totals()
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=total)

        def ended(item: Item) -> None:
            totals.add(item)
            saved = decimal(max(0, totals.size_before - totals.size_after))
            bar.update(task, advance=1, description=f"{saved} saved")

        yield ended


def show_problems(items: Sequence[Item]) -> None:
    """Say on standard error what has no result, and why; of very many only the first."""
    problems = [item for item in items if item.outcome in _PROBLEMS]
    for item in problems[:_MOST_PROBLEMS]:
        typer.echo(f"leanpix: {shown_path(item.path)}: {item.outcome.value}: {item.message}", err=True)
    if len(problems) > _MOST_PROBLEMS:
        typer.echo(f"leanpix: and {len(problems) - _MOST_PROBLEMS} more", err=True)


def show_losses(items: Sequence[Item]) -> None:
    """Say on standard error what results do not have that their sources had, kind by kind."""
    made = [item for item in items if item.outcome is Outcome.COMPRESSED]
    for kind in in_order(kind for item in made for kind in item.lost):
        paths = [item.path for item in made if kind in item.lost]
        more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
        typer.echo(f"leanpix: results are without {kind.in_words}: {shown_path(paths[0])}{more}", err=True)


def show_summary(items: Sequence[Item], left_out: int, elapsed_s: float, *, is_dry: bool) -> None:
    """A row a picture for few of them, and the totals."""
    console = Console()
    if len(items) <= _MOST_ROWS:
        console.print(_rows(items))
    show_losses(items)
    totals = Totals.of(items)
    console.print(_summary(totals, left_out))
    worked = sum(totals.counts[o] for o in (Outcome.COMPRESSED, Outcome.KEPT, Outcome.FAILED))
    dry = ", nothing written (dry run)" if is_dry else ""
    console.print(f"{elapsed_s:.1f} s, {worked / max(elapsed_s, 1e-3):.1f} pictures/s{dry}", highlight=False)


def _rows(items: Sequence[Item]) -> Table:
    table = Table("picture", "", "before", "after", "saved", "score")
    for item in items:
        sizes = (decimal(item.size_before), decimal(item.size_after)) if item.size_before else ("", "")
        saved = f"{item.saved_share:.1%}" if item.outcome is Outcome.COMPRESSED else ""
        score = "" if item.score is None else f"{item.score:.1f}"
        table.add_row(escape(shown_path(item.path)), item.outcome.value, *sizes, saved, score)
    return table


def _summary(totals: Totals, left_out: int) -> Table:
    table = Table.grid(padding=(0, 2))
    for outcome in Outcome:
        if totals.counts[outcome]:
            table.add_row(outcome.value, str(totals.counts[outcome]))
    if left_out:
        table.add_row("not taken", f"{left_out} other files")
    sizes = f"{decimal(totals.size_before)} -> {decimal(totals.size_after)}"
    table.add_row("bytes", f"{sizes} ({totals.saved_share:.1%} saved)")
    return table
