"""What a batch shows to people: progress on a terminal, a summary."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from leanpix.cli.batch.items import Item, Losses, Outcome, Sizes, Totals, shown_path
from leanpix.cli.batch.select import Selection
from leanpix.cli.batch.sizes import shown_size

_MOST_ROWS = 20
_MOST_PROBLEMS = 20
_MOST_PLACES = 3
_LEAST_COLUMNS = 72  # a table of six columns is one letter wide in its first where there are fewer
_PROBLEMS = (Outcome.FAILED, Outcome.LEFT)


class _Rate(ProgressColumn):
    """Pictures a second."""

    def render(self, task: Task) -> Text:
        return Text("-" if task.speed is None else f"{task.speed:.1f}/s")


@contextmanager
def progress(total: int | None) -> Iterator[Callable[[Item], None]]:
    """A bar with rate, time left and bytes saved, on standard error where that is a terminal.

    total None: it is not known how many there will be.
    """
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
            saved = shown_size(max(0, totals.this_run.before - totals.this_run.after))
            bar.update(task, advance=1, description=f"{saved} saved")

        yield ended


def show_problems(items: Sequence[Item]) -> None:
    """Say on standard error what has no result, and why; of very many only the first."""
    problems = [item for item in items if item.outcome in _PROBLEMS]
    for item in problems[:_MOST_PROBLEMS]:
        typer.echo(f"leanpix: {shown_path(item.path)}: {item.outcome.value}: {item.message}", err=True)
    if len(problems) > _MOST_PROBLEMS:
        typer.echo(f"leanpix: and {len(problems) - _MOST_PROBLEMS} more", err=True)


def show_losses(losses: Losses) -> None:
    """Say on standard error what results do not have that their sources had, kind by kind."""
    for kind, count, path in losses.in_order():
        more = f" and {count - 1} more" if count > 1 else ""
        typer.echo(f"leanpix: results are without {kind.in_words}: {shown_path(path)}{more}", err=True)


def show_advice(items: Sequence[Item]) -> None:
    """Say on standard error which pictures would take less than half in another format, format by format."""
    advised = [(item, item.advice) for item in items if item.outcome is Outcome.COMPRESSED and item.advice is not None]
    for kind in sorted({advice.format for _, advice in advised}):
        of_kind = [(item, advice) for item, advice in advised if advice.format is kind]
        now = shown_size(sum(item.size_after for item, _ in of_kind))
        then = shown_size(sum(advice.likely_bytes for _, advice in of_kind))
        more = f" and {len(of_kind) - 1} more" if len(of_kind) > 1 else ""
        first = shown_path(of_kind[0][0].path)
        typer.echo(f"leanpix: about {then} instead of {now} at the same look as {kind}: {first}{more}", err=True)


def show_nothing(paths: Sequence[Path], selection: Selection) -> None:
    """Say on standard error that there was nothing to do, and why."""
    places = ", ".join(shown_path(path) for path in paths[:_MOST_PLACES]) or "the list"
    reasons = []
    if selection.left_out:
        reasons.append(f"{counted(selection.left_out, 'other file')} not taken, see --include")
    if selection.ignored:
        reasons.append(f"{selection.ignored} left out by .gitignore, see --no-gitignore")
    told = "; ".join(reasons) or "nothing is there"
    typer.echo(f"leanpix: no pictures in {places}: {told}", err=True)


def show_summary(
    items: Sequence[Item], totals: Totals, selection: Selection, elapsed_s: float, *, is_dry: bool
) -> None:
    """A row a picture for few of them, and the totals."""
    console = Console()
    if 0 < len(items) <= _MOST_ROWS:
        if console.width >= _LEAST_COLUMNS:
            console.print(_rows(items))
        else:
            for item in items:
                console.print(_narrow_rows(item), highlight=False, soft_wrap=True)
    losses = Losses()
    for item in items:
        losses.add(item)
    show_losses(losses)
    show_advice(items)
    show_totals(totals, selection, elapsed_s, is_dry=is_dry)


def show_totals(totals: Totals, selection: Selection, elapsed_s: float, *, is_dry: bool) -> None:
    """Counts, bytes and time."""
    console = Console()
    console.print(_summary(totals, selection))
    worked = sum(totals.counts[o] for o in (Outcome.COMPRESSED, Outcome.KEPT, Outcome.FAILED))
    dry = ", nothing written (dry run)" if is_dry else ""
    console.print(f"{elapsed_s:.1f} s, {worked / max(elapsed_s, 1e-3):.1f} pictures/s{dry}", highlight=False)


def counted(number: int, noun: str) -> str:
    """1 picture, 2 pictures."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _rows(items: Sequence[Item]) -> Table:
    table = Table("picture", "", "before", "after", "saved", "score")
    for item in items:
        sizes = (shown_size(item.size_before), shown_size(item.size_after)) if item.size_before else ("", "")
        saved = f"{item.saved_share:.1%}" if item.outcome is Outcome.COMPRESSED else ""
        score = "" if item.score is None else f"{item.score:.1f}"
        table.add_row(escape(shown_path(item.path)), item.outcome.value, *sizes, saved, score)
    return table


def _narrow_rows(item: Item) -> str:
    """The same on two lines, for 40 columns."""
    if item.outcome is Outcome.COMPRESSED:
        score = "" if item.score is None else f"  score {item.score:.1f}"
        told = f"{shown_size(item.size_before)} -> {shown_size(item.size_after)}  {item.saved_share:.1%}{score}"
    else:
        told = f"{item.outcome.value}  {shown_size(item.size_before) if item.size_before else ''}"
    return f"{escape(shown_path(item.path))}\n  {told}"


def _summary(totals: Totals, selection: Selection) -> Table:
    table = Table.grid(padding=(0, 2))
    for outcome in Outcome:
        if totals.counts[outcome]:
            table.add_row(outcome.value, f"{totals.counts[outcome]:,}")
    if selection.left_out:
        table.add_row("not taken", counted(selection.left_out, "other file"))
    if selection.ignored:
        table.add_row("ignored", f"{selection.ignored:,} by .gitignore")
    table.add_row("bytes", _told(totals.this_run))
    if totals.counts[Outcome.DONE]:
        table.add_row("all runs", _told(totals.all_runs))
    return table


def _told(sizes: Sizes) -> str:
    return f"{shown_size(sizes.before)} -> {shown_size(sizes.after)} ({sizes.saved_share:.1%} saved)"
