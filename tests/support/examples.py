"""The examples of the pages: found, made to meet this machine, and run."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt

_REASON = re.compile(r"<!-- not run: (.+?) -->", re.DOTALL)
_TIMEOUT_S = 120
_ERRORS_FROM = 400


@dataclass(frozen=True)
class Example:
    """A block of code on a page. reason: why it is not run, as the comment right below it says."""

    page: Path
    line: int
    language: str
    text: str
    reason: str | None


def examples_of(page: Path) -> list[Example]:
    """Every block of code, the indented ones of no language too."""
    tokens = MarkdownIt().parse(page.read_text())
    found = []
    for token, following in zip(tokens, [*tokens[1:], None], strict=True):
        if token.type in {"fence", "code_block"}:
            comment = following.content if following is not None and following.type == "html_block" else ""
            reason = _REASON.match(comment)
            line = token.map[0] + 1 if token.map else 0
            found.append(Example(page, line, token.info.strip(), token.content, reason[1] if reason else None))
    return found


@dataclass
class Reader:
    """Someone who goes through a page and runs what it shows, in one folder, with addresses and keys of their own.

    An answer that tells of a failure is one only where the page shows it right after.
    """

    folder: Path
    environment: Mapping[str, str]
    substitutes: dict[str, str] = field(default_factory=dict)
    last_answer: Any = None

    def run(self, example: Example) -> None:
        """Run a command or a script, or compare a shown answer with the one before it; AssertionError."""
        text = self._own(example.text)
        if example.language == "json":
            self._compare(json.loads(text))
            return
        self.finish()
        python = example.language == "python"
        done = subprocess.run(
            [*((sys.executable, "-W", "error") if python else ("bash", "-euo", "pipefail")), "-c", text],
            cwd=self.folder,
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        self._listen(done.stdout)

    def finish(self) -> None:
        """Nothing follows the last answer: AssertionError where it tells of a failure."""
        if self._tells_of_failure():
            raise AssertionError(f"an answer that is no success: {self.last_answer}")

    def _compare(self, shown: Any) -> None:
        assert shape(shown) == shape(self.last_answer), f"the answer is {json.dumps(self.last_answer)}"
        assert shown.get("status") == self.last_answer.get("status"), f"the answer is {self.last_answer}"
        self.last_answer = None

    def _tells_of_failure(self) -> bool:
        answer = self.last_answer
        if not isinstance(answer, Mapping) or "status" not in answer:
            return False
        return bool(answer["status"] >= _ERRORS_FROM or answer.get("data", {}).get("state", 0) < 0)

    def _own(self, text: str) -> str:
        for shown, real in self.substitutes.items():
            text = text.replace(shown, real)
        return text

    def _listen(self, output: str) -> None:
        """Keep what the service answered, and which task it made."""
        try:
            self.last_answer = json.loads(output)
        except ValueError:
            self.last_answer = None
        data = self.last_answer.get("data") if isinstance(self.last_answer, Mapping) else None
        if isinstance(data, Mapping) and "task_id" in data:
            self.substitutes["TASK_ID"] = data["task_id"]


def shape(value: object) -> object:
    """What an answer is made of, its values left out: names and kinds; a list by its first entry."""
    if isinstance(value, Mapping):
        return {name: shape(part) for name, part in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return "number" if isinstance(value, (int, float)) and not isinstance(value, bool) else type(value).__name__
