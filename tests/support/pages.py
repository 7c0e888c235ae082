"""Figures that runs write into pages by themselves, so that nothing is copied by hand."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def write_between(page: Path, mark: str, text: str) -> None:
    """Replace what a page has between `<!-- mark -->` and `<!-- /mark -->`."""
    found, times = re.subn(
        rf"(?s)(<!-- {mark} -->\n).*?(<!-- /{mark} -->)",
        lambda match: f"{match[1]}\n{text.strip()}\n\n{match[2]}",
        page.read_text(),
    )
    if times != 1:
        raise ValueError(f"{page.name} has {times} places marked {mark}")
    page.write_text(found)


def commit() -> str:
    """The commit that runs, `-dirty` where files differ from it; or that there is none."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--exclude=*"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    return done.stdout.strip() or "none: no git checkout"
