"""What a batch shows to programs: a line of JSON a picture, and one at the end."""

from __future__ import annotations

import json

from leanpix.cli.batch.items import Item, Outcome, Totals


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
    }
    return json.dumps(row)


def totals_as_json(totals: Totals, left_out: int, elapsed_s: float) -> str:
    """The last line for programs."""
    counts = {outcome.value: totals.counts[outcome] for outcome in Outcome}
    sizes = {"bytes_before": totals.size_before, "bytes_after": totals.size_after}
    return json.dumps({"summary": {**counts, **sizes, "not_pictures": left_out, "elapsed_s": round(elapsed_s, 3)}})
