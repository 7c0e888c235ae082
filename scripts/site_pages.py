"""Gather the pages of the documentation site, each where it lies in the tree, and make those that follow from others.

Links between pages lead where they lead in the tree, so the site needs none of its own. Usage: site_pages.py FOLDER
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

from api_reference import reference

from leanpix.web.app import mounted
from leanpix.web.openapi.document import make_document
from leanpix.web.settings import WebSettings

ROOT = Path(__file__).resolve().parent.parent
WRITTEN = (
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "LICENSE",
    "docs",
    "deploy",
    "bench/results.md",
    "bench/plots",
)
DECISIONS_HEAD = """# Decisions

What was not obvious: the context, what was tried with its numbers, and what was decided.

"""


def main() -> None:
    """Make the folder anew."""
    folder = Path(sys.argv[1])
    shutil.rmtree(folder, ignore_errors=True)
    for name in WRITTEN:
        copy(ROOT / name, folder / name)
    copy(ROOT / "src" / "leanpix" / "web" / "page" / "icon.svg", folder / "docs" / "images" / "mark.svg")
    decisions = folder / "docs" / "decisions"
    (decisions / "README.md").write_text(DECISIONS_HEAD + decision_list(decisions))
    document = make_document(mounted(WebSettings()), None)
    (folder / "docs" / "openapi.json").write_text(json.dumps(document, indent=2))
    (folder / "docs" / "reference.md").write_text(reference(document))


def copy(source: Path, target: Path) -> None:
    """A file or a folder."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copy(source, target)


def decision_list(folder: Path) -> str:
    """A line for each decision, by number, with what has become of it where it does not simply hold."""
    lines = []
    for page in sorted(folder.glob("[0-9]*.md")):
        title, _, status = page.read_text().split("\n", 3)[:3]
        became = status.removeprefix("Status: ").removesuffix(".")
        lines.append(
            f"- [{title.removeprefix('# ')}]({page.name})" + ("" if became == "holds" else f" ({became})") + "\n"
        )
    return "".join(lines)


if __name__ == "__main__":
    main()
