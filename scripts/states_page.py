"""Write docs/states.md from the code tables themselves; `--check` only says whether it is current."""

from __future__ import annotations

import sys
from pathlib import Path

from leanpix.domain.states import TaskState
from leanpix.web.errors import STATUS_TEXT

PAGE = Path(__file__).resolve().parent.parent / "docs" / "states.md"
HEAD = """# Status codes and task states

The server shows the same tables at `/states`, as a page and (`Accept: application/json`) as JSON. An HTTP status
tells about the request, `data.state` about the task: 1 is success, 0 and above 1 are under way, below 0 is failure.
While a task is under way the answer says 4 unless `LEANPIX_FINE_STATES=1`; `data.report.phase` always tells more.
"""


def main() -> int:
    """Write the page, or compare it."""
    wanted = page()
    if "--check" in sys.argv:
        return int(PAGE.read_text() != wanted)
    PAGE.write_text(wanted)
    return 0


def page() -> str:
    """The page as it should be."""
    http = "".join(f"| {code} | {text} |\n" for code, text in STATUS_TEXT.items())
    states = "".join(
        f"| {int(state)} | {state.text} | {state.emitted or 'reserved: this server never sends it'} |\n"
        for state in sorted(TaskState)
    )
    return (
        f"{HEAD}\n## HTTP status codes\n\n| code | meaning |\n|---|---|\n{http}"
        f"\n## Task states\n\n| code | meaning | when this server sends it |\n|---|---|---|\n{states}"
    )


if __name__ == "__main__":
    raise SystemExit(main())
