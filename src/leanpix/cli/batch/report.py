"""A batch's report: one HTML file in the web page's dress that needs nothing else."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from html import escape
from importlib import resources
from pathlib import PurePath

from leanpix.cli.batch.items import Item, Outcome, Totals, WorstPlace, shown_path
from leanpix.cli.batch.showcase import Showcase, Shown, media_type_of
from leanpix.cli.batch.sizes import shown_size
from leanpix.domain.holding import in_order

_BINS = 10
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>leanpix report</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<link rel="icon" href="data:image/svg+xml;base64,{mark}">
<style>{style}</style></head><body>
<header class="bar"><span class="brand"><img src="data:image/svg+xml;base64,{mark}" alt="" width="26" height="26">
leanpix</span></header><main>
<h1>What the compression came to</h1>
{parts}</main>
<script>{script}</script></body></html>
"""
_WORTH_A_LOOK = (Outcome.FAILED, Outcome.INTERRUPTED, Outcome.LEFT)
"""What a reader looks for first, in this order."""


def report_page(items: Sequence[Item], totals: Totals, showcase: Showcase) -> str:
    """The page: totals over all runs, savings, pictures before and after, what was lost, and every picture.

    Those that failed come first. Nothing is loaded from anywhere, and no other script than its own may run.
    """
    script = _file("leanpix.cli.batch", "report.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    scores = {item.path: item.score for item in items}
    parts = [
        *_totals(totals),
        *_distribution([item for item in items if item.outcome in {Outcome.COMPRESSED, Outcome.KEPT}]),
        *_pictures("Saved the most", showcase.best, scores),
        *_pictures("Saved the least", showcase.worst, scores),
        *_losses(items),
        *_all(items),
    ]
    return _PAGE.format(
        policy=policy,
        mark=base64.b64encode(_file("leanpix.web.page", "icon.svg").encode()).decode(),
        style=_file("leanpix.web.page", "base.css") + _file("leanpix.cli.batch", "report.css"),
        parts="".join(parts),
        script=script,
    )


def _file(package: str, name: str) -> str:
    parent, _, folder = package.rpartition(".")
    return (resources.files(parent) / folder / name).read_text(encoding="utf-8")


def _totals(totals: Totals) -> Iterator[str]:
    every, this = totals.all_runs, totals.this_run
    saved = f"\N{MINUS SIGN}{every.saved_share:.0%}" if every.saved_share > 0 else "0%"
    yield f'<section class="panel summary" aria-label="Totals"><strong class="figure">{saved}</strong>'
    yield f"<p>{shown_size(every.before)} → <b>{shown_size(every.after)}</b>"
    if totals.counts[Outcome.DONE]:
        told = f"{shown_size(this.before)} → {shown_size(this.after)}"
        yield f"<small>over all runs; this run: {told} ({this.saved_share:.1%} saved)</small>"
    yield f'</p><ul class="counts"><li><b>{totals.pictures:,}</b> pictures</li>'
    for outcome in Outcome:
        if totals.counts[outcome]:
            kind = "failed" if outcome is Outcome.FAILED else ""
            yield f'<li class="{kind}"><b>{totals.counts[outcome]:,}</b> {outcome.value}</li>'
    yield "</ul></section>\n"


def _distribution(items: Sequence[Item]) -> Iterator[str]:
    counts = [0] * _BINS
    for item in items:
        counts[min(_BINS - 1, max(0, int(item.saved_share * _BINS)))] += 1
    most = max(counts)
    if not most:
        return
    yield '<section><h2>How much was saved</h2><ol class="panel chart">'
    for number, count in enumerate(counts):
        span = f"{100 * number // _BINS}\N{EN DASH}{100 * (number + 1) // _BINS} %"
        height = f"height: {100 * count / most:.1f}%"
        kind = "" if count else "none"
        yield f'<li class="{kind}"><b>{count:,}</b><i style="{height}"></i><span>{span}</span></li>'
    yield "</ol></section>\n"


def _pictures(title: str, shown: Sequence[Shown], scores: dict[PurePath, float | None]) -> Iterator[str]:
    if not shown:
        return
    yield f'<section><h2>{title}</h2><div class="pairs">'
    for pair in shown:
        score = scores.get(pair.path)
        note = "" if score is None else f", score {score:.1f}"
        sizes = f"{shown_size(len(pair.before))} → {shown_size(len(pair.after))}"
        name = escape(shown_path(pair.path))
        yield f'<figure class="panel">{_comparison(pair, name)}'
        yield f"<figcaption>{name}<span>{sizes}, <b>{pair.saved_share:.1%}</b> saved{note}</span></figcaption>"
        if pair.worst is not None:
            yield '<button type="button" aria-pressed="false">Zoom to the worst place</button>'
        yield "</figure>\n"
    yield "</div></section>\n"


def _comparison(pair: Shown, name: str) -> str:
    """Both under a slider, the worst place marked; only the result where a browser cannot show the source's format."""
    after = _image(pair.after, "After", "after")
    if not after:
        return '<p class="unseen">A browser cannot show this format.</p>'
    before = _image(pair.before, "Before", "before")
    if not before:
        return f'<div class="pictures">{after}</div><p class="unseen">A browser cannot show the original.</p>'
    at = "" if pair.worst is None else _mark(pair.worst)
    origin = "" if pair.worst is None else f' style="transform-origin: {_middle(pair.worst)}"'
    label = f'aria-label="Before and after: {name}"'
    return (
        f'<div class="compare"><div class="pictures"{origin}>{before}{after}{at}</div>'
        f'<input type="range" min="0" max="100" value="50" {label}><div class="line"></div>'
        '<span class="tag">Before</span><span class="tag">After</span></div>'
    )


def _mark(place: WorstPlace) -> str:
    sides = {"left": place.left, "top": place.top, "width": place.width, "height": place.height}
    style = "; ".join(f"{side}: {share:.2%}" for side, share in sides.items())
    return f'<div class="worst" style="{style}" title="Here it looks worst"></div>'


def _middle(place: WorstPlace) -> str:
    return f"{place.left + place.width / 2:.2%} {place.top + place.height / 2:.2%}"


def _image(content: bytes, alt: str, kind: str) -> str:
    media_type = media_type_of(content)
    if media_type is None:
        return ""
    return f'<img class="{kind}" alt="{alt}" src="data:{media_type};base64,{base64.b64encode(content).decode()}">'


def _losses(items: Sequence[Item]) -> Iterator[str]:
    """What results do not have that their sources had."""
    made = [item for item in items if item.outcome is Outcome.COMPRESSED]
    kinds = in_order(kind for item in made for kind in item.lost)
    if not kinds:
        return
    yield '<section><h2>Lost</h2><div class="panel scrolls" tabindex="0" role="region" aria-label="Lost">'
    yield '<table class="plain"><thead><tr><th>What</th><th class="number">Pictures</th><th>Such as</th></tr></thead>'
    yield "<tbody>"
    for kind in kinds:
        paths = [item.path for item in made if kind in item.lost]
        yield f'<tr><td>{escape(kind.in_words)}</td><td class="number">{len(paths):,}</td>'
        yield f"<td>{escape(shown_path(paths[0]))}</td></tr>"
    yield "</tbody></table></div></section>\n"


def _all(items: Sequence[Item]) -> Iterator[str]:
    """Every picture; what failed, was interrupted or left alone before the rest, which is as it came."""
    if not items:
        return
    ranks = {outcome: rank for rank, outcome in enumerate(_WORTH_A_LOOK)}
    heads = [("Picture", ""), ("Before", "number"), ("After", "number"), ("Saved", "number"), ("Score", "number")]
    yield '<section><div class="list-head"><h2>All pictures</h2>'
    yield '<input id="search" type="search" placeholder="Search" aria-label="Search pictures"></div>'
    yield '<div class="panel scrolls" tabindex="0" role="region" aria-label="All pictures">'
    yield '<table class="all"><thead><tr>'
    for text, kind in [*heads, ("State", "")]:
        yield f'<th scope="col" class="{kind}"><button type="button">{text}</button></th>'
    yield "</tr></thead><tbody>\n"
    for item in sorted(items, key=lambda one: ranks.get(one.outcome, len(ranks))):
        yield _row(item)
    yield "</tbody></table></div></section>\n"


def _row(item: Item) -> str:
    name = escape(shown_path(item.path))
    has_sizes = item.size_before > 0
    is_made = item.outcome in {Outcome.COMPRESSED, Outcome.DONE}
    cells = [
        _cell(item.size_before if has_sizes else "", shown_size(item.size_before) if has_sizes else ""),
        _cell(item.size_after if has_sizes else "", shown_size(item.size_after) if has_sizes else ""),
        _cell(f"{item.saved_share:.6f}" if is_made else "", f"{item.saved_share:.1%}" if is_made else "", "saved"),
        _cell("" if item.score is None else item.score, "" if item.score is None else f"{item.score:.1f}"),
    ]
    why = f'<span class="why">{escape(item.message)}</span>' if item.message else ""
    kind = "failed" if item.outcome is Outcome.FAILED else ""
    state = f'<td data-v="{item.outcome.value}"><span class="state">{item.outcome.value}</span>{why}</td>'
    return f'<tr class="{kind}"><th scope="row" data-v="{name}">{name}</th>{"".join(cells)}{state}</tr>\n'


def _cell(value: object, text: str, kind: str = "") -> str:
    return f'<td class="n {kind}" data-v="{value}">{text}</td>'
