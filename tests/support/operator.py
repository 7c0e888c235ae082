"""Commands as an operator runs them: what they print, what they exit with, and as whom."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from tests.support.server import LEANPIX, clean_environment, named

TIMEOUT_S = 60.0


def command(
    *words: str | Path, prefix: Sequence[str] = (), shell_before: str = "", **settings: str
) -> subprocess.CompletedProcess[str]:
    """Run `leanpix` to its end. prefix starts it, shell_before is what the shell does first, such as a limit."""
    environment = clean_environment() | {"LEANPIX_WORKERS": "1"} | named(settings)
    line = f'{shell_before}; exec "$0" "$@"' if shell_before else 'exec "$0" "$@"'
    return subprocess.run(
        [*prefix, "sh", "-c", line, str(LEANPIX), *map(str, words)],
        capture_output=True, text=True, errors="surrogateescape", check=False, timeout=TIMEOUT_S,
        env=environment, cwd="/", stdin=subprocess.DEVNULL,
    )  # fmt: skip


def as_ordinary_user() -> list[str]:
    """What starts a program whom closed doors keep out: nothing for an ordinary user, capabilities dropped for root."""
    if os.getuid() != 0:
        return []
    setpriv = shutil.which("setpriv", path=f"{os.environ.get('PATH', '')}:{os.defpath}")  # a test may have its own path
    if setpriv is None:
        pytest.skip("root passes every door, and setpriv is not there to take that away")
    return [setpriv, "--bounding-set", "-dac_override,-dac_read_search", "--inh-caps", "-all"]


def refusal(done: subprocess.CompletedProcess[str]) -> str:
    """The one line that a command ended with; AssertionError where it said more, or did not fail."""
    assert done.returncode != 0, done.stdout
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    return lines[0]


def mode_of(path: Path) -> int:
    """Who may do what, without the kind of file."""
    return path.stat().st_mode & 0o777


def without(environment: Mapping[str, str], *names: str) -> dict[str, str]:
    """An environment without some of its names."""
    return {name: value for name, value in environment.items() if name not in names}
