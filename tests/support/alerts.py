"""The alert rules of deploy/prometheus, read without a parser of YAML: promtool checks the form of the file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

PROMETHEUS = Path(__file__).resolve().parents[2] / "deploy" / "prometheus"


@dataclass(frozen=True, slots=True)
class Alert:
    """One rule: its name, what it asks, and where its entry is."""

    name: str
    expression: str
    runbook_url: str


def alerts() -> list[Alert]:
    text = (PROMETHEUS / "leanpix.rules.yml").read_text()
    return [_alert(part) for part in text.split("- alert: ")[1:]]


def _alert(part: str) -> Alert:
    expression = re.search(r"expr: (?:\|\n)?(.*?)\n +(?:for|labels): ", part, re.DOTALL)
    url = re.search(r"runbook_url: (\S+)", part)
    assert expression is not None
    assert url is not None
    return Alert(part.split(maxsplit=1)[0], expression[1].strip(), url[1])
