"""What a batch shows to programs: a line of JSON a picture, and one at the end."""

from __future__ import annotations

import json

from leanpix.cli.batch.items import Item, Outcome, Totals
from leanpix.cli.batch.select import Selection


def as_json(item: Item) -> str:
    """A picture's end as one line for programs."""
    row = {
        "path": str(item.path),
        "outcome": item.outcome.value,
        "target": None if item.target is None else str(item.target),
        "bytes_before": item.size_before,
        "bytes_after": item.size_after,
        "score": item.score,
        "message": item.message,
        "lost": item.lost,
        "advice": None if item.advice is None else item.advice.fields(),
    }
    return json.dumps(row)


def totals_as_json(totals: Totals, selection: Selection, elapsed_s: float) -> str:
    """The last line for programs. The outcomes add up to the pictures."""
    counts = {outcome.value: totals.counts[outcome] for outcome in Outcome}
    this, all_runs = totals.this_run, totals.all_runs
    row = {
        "pictures": totals.pictures,
        **counts,
        "bytes_before": this.before,
        "bytes_after": this.after,
        "all_runs_bytes_before": all_runs.before,
        "all_runs_bytes_after": all_runs.after,
        "not_pictures": selection.left_out,
        "ignored": selection.ignored,
        "elapsed_s": round(elapsed_s, 3),
    }
    return json.dumps({"summary": row})
