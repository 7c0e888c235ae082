"""Whether two checkouts of the engine make the same bytes: a table of the pictures and goals at which they differ.

    python bench/compare_engines.py figures PICTURES... --python OTHER/.venv/bin/python --to other.json
    python bench/compare_engines.py table before.json after.json

`figures` runs the engine that --python has installed, case by case, and adds to the file what is not in it yet, so that
it may be stopped and begun again. The engine's clock stands still: what is made must not depend on how busy the machine
is. Processor time is measured beside it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

RUN = """
import hashlib, json, sys, time
from pathlib import Path
from leanpix.domain.errors import TaskFailure
from leanpix.domain.formats import OutputFormat
from leanpix.domain.request import CompressionOptions
from leanpix.engine import compress
from leanpix.engine.budget import Budget

for line in sys.stdin:
    path, asked = json.loads(line)
    source = Path(path).read_bytes()
    options = dict(asked)
    if "format" in options:
        options["format"] = OutputFormat(options["format"])
    if "size_share" in options:
        options["max_bytes"] = max(1, round(options.pop("size_share") * len(source)))
    began = time.process_time()
    try:
        done = compress(source, CompressionOptions(**options), budget=Budget(clock=lambda: 0.0))
        row = {"sha256": hashlib.sha256(done.data).hexdigest(), "bytes": len(done.data), "score": done.report.score}
        row |= {"encoder": done.report.encoder, "quality": done.report.quality, "encodes": done.report.encodes}
    except TaskFailure as failure:
        row = {"sha256": str(failure.state), "bytes": 0, "encoder": "failed", "encodes": 0, "quality": None}
    row["cpu_s"] = round(time.process_time() - began, 3)
    print(json.dumps(row), flush=True)
"""

GOALS: tuple[dict[str, object], ...] = ({"quality": 80}, {}, {"size_share": 0.4}, {"quality": 60}, {"quality": 90})
"""In the order of what they tell; size_share: a share of the source's bytes."""

FORMATS = (None, "webp", "jpg", "png")
_LARGE_BYTES = 1_200_000
"""Sources of that size hold many pixels: they take part in the first two goals only."""


def main() -> int:
    """Make the figures of one engine, or compare two engines' figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    figures = commands.add_parser("figures")
    figures.add_argument("pictures", nargs="+", type=Path)
    figures.add_argument("--python", default=sys.executable)
    figures.add_argument("--to", type=Path, required=True)
    figures.add_argument("--like", type=Path, help="another engine's figures: only the cases in it")
    table = commands.add_parser("table")
    table.add_argument("before", type=Path)
    table.add_argument("after", type=Path)
    arguments = parser.parse_args()
    if arguments.command == "table":
        return print_table(read(arguments.before), read(arguments.after))
    add_figures(arguments)
    return 0


def add_figures(arguments: argparse.Namespace) -> None:
    """Run every case that the file does not have yet."""
    known = read(arguments.to)
    wanted = read(arguments.like) if arguments.like else None
    cases = [one for one in all_cases(arguments.pictures) if one[0] not in known]
    cases = [one for one in cases if wanted is None or one[0] in wanted]
    command = ["nice", arguments.python, "-c", RUN]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as engine:
        asking, answering = engine.stdin, engine.stdout
        if asking is None or answering is None:
            return
        for name, path, asked in cases:
            asking.write(json.dumps([str(path), asked]) + "\n")
            asking.flush()
            line = answering.readline()
            known[name] = json.loads(line) if line else {"sha256": "died", "bytes": 0}
            arguments.to.write_text(json.dumps(known, indent=0))
        asking.close()


def all_cases(pictures: list[Path]) -> list[tuple[str, Path, dict[str, object]]]:
    """Each goal in each format, the goals in their order so that what is stopped early has seen every picture."""
    found = []
    for kind in FORMATS:
        for goal in GOALS if kind in {None, "webp"} else GOALS[:2]:
            for path in pictures:
                if kind == "png" and "size_share" in goal:
                    continue
                if path.stat().st_size > _LARGE_BYTES and goal not in GOALS[:2]:
                    continue
                asked = goal if kind is None else {"format": kind, **goal}
                found.append((f"{path.name} {json.dumps(asked)}", path, asked))
    return found


def print_table(before: dict[str, dict[str, object]], after: dict[str, dict[str, object]]) -> int:
    """A row for each case that differs, and what all of them come to."""
    both = [name for name in before if name in after]
    differing = [name for name in both if before[name]["sha256"] != after[name]["sha256"]]
    print("| case | bytes | encoder | bytes after | encoder after | change |\n|---|---|---|---|---|---|")
    for name in differing:
        old, new = before[name], after[name]
        change = 100 * (number(new, "bytes") / number(old, "bytes") - 1) if number(old, "bytes") else float("nan")
        cells = (name, old["bytes"], old["encoder"], new["bytes"], new["encoder"], f"{change:+.1f} %")
        print("|", " | ".join(map(str, cells)), "|")
    ratios = [number(after[n], "bytes") / number(before[n], "bytes") for n in both if number(before[n], "bytes")]
    old_s, new_s = (sum(number(figures[name], "cpu_s") for name in both) for figures in (before, after))
    print(f"\n{len(both)} cases, {len(differing)} differ; median of the bytes {statistics.median(ratios) - 1:+.3%}; ")
    print(f"processor time {old_s:.1f} s and {new_s:.1f} s ({new_s / old_s - 1:+.1%})")
    return 0


def number(row: dict[str, object], name: str) -> float:
    """A figure; 0 where there is none."""
    found = row.get(name)
    return float(found) if isinstance(found, int | float) else 0.0


def read(path: Path) -> dict[str, dict[str, object]]:
    """Figures by case; none where there is no file."""
    return json.loads(path.read_text()) if path.exists() else {}


if __name__ == "__main__":
    sys.exit(main())
