"""No page and no message tells to install leanpix by its bare name: nobody of ours holds that name on the index yet.

Goes with the first release (docs/releasing.md).
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
INSTALLERS = r"pip3?\s+(?:install|download)|pipx\s+(?:install|run)|uvx|uv\s+(?:add|tool\s+(?:install|run))"
# The name as a word of its own, with extras or a version; not a part of a path or of a file's name.
BY_NAME = re.compile(rf"\b(?:{INSTALLERS})\b[^\n|&;#]*?(?<![\w./@-])leanpix(?:[-_]client)?(?![\w./-])", re.IGNORECASE)


def texts() -> list[Path]:
    """Every page, and every source that could print or run such a line."""
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "packaging").rglob("*.md")]
    pages += [*(ROOT / "deploy").rglob("*.*"), *(ROOT / "bench").glob("*.md"), ROOT / "deploy" / "Dockerfile"]
    sources = [*(ROOT / "src").rglob("*.py"), *(ROOT / "src").rglob("*.html"), *(ROOT / "scripts").glob("*.py")]
    return [*pages, *sources, ROOT / "Makefile", ROOT / "pyproject.toml"]


def test_nothing_tells_to_install_leanpix_by_its_name() -> None:
    found = [
        f"{file.relative_to(ROOT)}: {told[0]}" for file in texts() for told in BY_NAME.finditer(file.read_text("utf-8"))
    ]
    assert not found


@pytest.mark.parametrize(
    "line",
    [
        "pip install leanpix",
        "pip install 'leanpix[otel]'",
        "pip install -q leanpix-client==1.0",
        "python -m pip install --upgrade leanpix_client",
        "uv add leanpix",
        "uvx leanpix compress",
        "pipx install leanpix",
        "uv tool install leanpix",
    ],
)
def test_such_lines_are_recognised(line: str) -> None:
    assert BY_NAME.search(line)


@pytest.mark.parametrize(
    "line",
    [
        "pip install dist/leanpix-0.1.0-py3-none-any.whl",
        "pip install 'dist/leanpix-0.1.0-py3-none-any.whl[otel]'",
        "pip install . # leanpix",
        "uv pip install --quiet ./leanpix",
        "apt install podman; leanpix serve",
    ],
)
def test_a_file_a_folder_and_other_commands_are_none(line: str) -> None:
    assert not BY_NAME.search(line)
