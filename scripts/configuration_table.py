"""Write the table of docs/configuration.md from the settings themselves; `--check` only says whether it is current."""

from __future__ import annotations

import sys
from pathlib import Path

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from leanpix.settings import PREFIX, Settings

PAGE = Path(__file__).resolve().parent.parent / "docs" / "configuration.md"
BEGIN, END = "<!-- settings: begin -->", "<!-- settings: end -->"


def main() -> int:
    """Write the page, or compare it."""
    page = PAGE.read_text()
    head, rest = page.split(BEGIN)
    tail = rest.split(END)[1]
    wanted = f"{head}{BEGIN}\n{table()}{END}{tail}"
    if "--check" in sys.argv:
        return int(wanted != page)
    PAGE.write_text(wanted)
    return 0


def table() -> str:
    """A row a setting, in the order of their names."""
    rows = [
        f"| `{PREFIX}{name.upper()}` | {_default(field)} | {field.description} |\n"
        for name, field in sorted(Settings.model_fields.items())
    ]
    return "| setting | default | meaning |\n|---|---|---|\n" + "".join(rows)


def _default(field: FieldInfo) -> str:
    if field.default is PydanticUndefined or field.default is None:
        return "see meaning"
    if isinstance(field.default, (tuple, list)):
        return f"`{','.join(map(str, field.default))}`" if field.default else "empty"
    return f"`{str(field.default).lower() if isinstance(field.default, bool) else field.default}`"


if __name__ == "__main__":
    raise SystemExit(main())
