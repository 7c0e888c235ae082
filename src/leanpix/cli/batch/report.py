"""A batch's report: one HTML file that needs nothing else."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

from leanpix.cli.batch.items import Item, Outcome, Totals, shown_path
from leanpix.cli.batch.showcase import Showcase, Shown, media_type_of
from leanpix.cli.batch.sizes import shown_size
from leanpix.domain.holding import in_order

_BINS = 10
_MOST_PROBLEMS = 200
_HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>leanpix report</title>
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<style>
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; } th, td { text-align: left; padding: .2rem 1.5rem .2rem 0; }
td { overflow-wrap: anywhere; }
td.n { text-align: right; font-variant-numeric: tabular-nums; }
.bars { width: 100%; max-width: 45rem; } .bars * { white-space: nowrap; }
.bars td:last-child { width: 100%; padding-right: 0; }
.bar { background: #2a7; height: 1rem; min-width: 1px; }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: .5rem; }
figure { margin: 0 0 1.5rem; } figcaption { overflow-wrap: anywhere; } img { max-width: 100%; }
</style></head><body><main>
"""


def report_page(items: Sequence[Item], totals: Totals, showcase: Showcase) -> str:
    """The page: totals, distribution of savings, what saved the most and the least with its pictures, what failed."""
    scores = {item.path: item.score for item in items}
    parts = [
        _HEAD,
        "<h1>leanpix report</h1>",
        *_totals(totals),
        *_distribution([item for item in items if item.outcome in {Outcome.COMPRESSED, Outcome.KEPT}]),
        *_pictures("Saved the most", showcase.best, scores),
        *_pictures("Saved the least", showcase.worst, scores),
        *_losses(items),
        *_problems([item for item in items if item.message and item.outcome is not Outcome.KEPT]),
        "</main></body></html>\n",
    ]
    return "".join(parts)


def _totals(totals: Totals) -> Iterator[str]:
    yield "<h2>Totals</h2><table>"
    for outcome in Outcome:
        if totals.counts[outcome]:
            yield f"<tr><th>{outcome.value}</th><td class=n>{totals.counts[outcome]}</td></tr>"
    for name, size in (("before", totals.all_runs.before), ("after", totals.all_runs.after)):
        yield f"<tr><th>bytes {name}</th><td class=n>{shown_size(size)}</td></tr>"
    yield f"<tr><th>saved</th><td class=n>{totals.all_runs.saved_share:.1%}</td></tr></table>"


def _distribution(items: Sequence[Item]) -> Iterator[str]:
    counts = [0] * _BINS
    for item in items:
        counts[min(_BINS - 1, max(0, int(item.saved_share * _BINS)))] += 1
    most = max(counts)
    if not most:
        return
    yield "<h2>Distribution of savings</h2><table class=bars><tr><th>saved</th><th>pictures</th><td></td></tr>"
    for number, count in enumerate(counts):
        span = f"{100 * number // _BINS}-{100 * (number + 1) // _BINS} %"
        bar = f'<div class="bar" style="width: {100 * count / most:.1f}%"></div>' if count else ""
        yield f"<tr><td>{span}</td><td class=n>{count}</td><td>{bar}</td></tr>"
    yield "</table>"


def _pictures(title: str, shown: Sequence[Shown], scores: dict[Path, float | None]) -> Iterator[str]:
    if not shown:
        return
    yield f"<h2>{title}</h2><p>Before on the left, after on the right.</p>"
    for pair in shown:
        score = scores.get(pair.path)
        note = "" if score is None else f", score {score:.1f}"
        sizes = f"{shown_size(len(pair.before))} &rarr; {shown_size(len(pair.after))}"
        yield f'<figure><div class="pair">{_image(pair.before, "before")}{_image(pair.after, "after")}</div>'
        told = f"{escape(shown_path(pair.path))}: {sizes} ({pair.saved_share:.1%} saved{note})"
        yield f"<figcaption>{told}</figcaption></figure>"


def _image(content: bytes, side: str) -> str:
    kind = media_type_of(content)
    if kind is None:
        return "<p>(a browser cannot show this format)</p>"
    return f'<div><img alt="{side}" src="data:{kind};base64,{base64.b64encode(content).decode()}"></div>'


def _losses(items: Sequence[Item]) -> Iterator[str]:
    """What results do not have that their sources had."""
    made = [item for item in items if item.outcome is Outcome.COMPRESSED]
    kinds = in_order(kind for item in made for kind in item.lost)
    if not kinds:
        return
    yield "<h2>Lost</h2><table><tr><th>what</th><th>pictures</th><th>such as</th></tr>"
    for kind in kinds:
        paths = [item.path for item in made if kind in item.lost]
        yield f"<tr><td>{escape(kind.in_words)}</td><td class=n>{len(paths)}</td>"
        yield f"<td>{escape(shown_path(paths[0]))}</td></tr>"
    yield "</table>"


def _problems(items: Sequence[Item]) -> Iterator[str]:
    if not items:
        return
    yield "<h2>Without a result</h2><table>"
    for item in items[:_MOST_PROBLEMS]:
        cells = (escape(shown_path(item.path)), item.outcome.value, escape(item.message))
        yield "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"
    yield "</table>"
    if len(items) > _MOST_PROBLEMS:
        yield f"<p>and {len(items) - _MOST_PROBLEMS} more</p>"
