"""Known vulnerabilities in what uv.lock pins, by pip-audit; each exception has a reason and a date to look again.

A package whose record cannot be read counts as a failure: an index without vulnerability data proves nothing.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
UV = TOP / ".tools" / "uv"
PIP_AUDIT = "pip-audit==2.10.1"


@dataclass(frozen=True)
class Accepted:
    """A vulnerability that does not concern this project, why, and until when that may be believed."""

    id: str
    reason: str
    until: date


EXCEPTIONS: tuple[Accepted, ...] = ()


def main() -> int:
    """Run pip-audit over the exported lock; its exit code, or 1 for an exception whose date has passed."""
    today = datetime.now(UTC).date()
    expired = [exception for exception in EXCEPTIONS if exception.until < today]
    for exception in expired:
        print(f"the exception for {exception.id} ended on {exception.until}: {exception.reason}")
    with tempfile.TemporaryDirectory() as folder:
        pins = Path(folder, "requirements.txt")
        export = [UV, "export", "--frozen", "--no-emit-project", "--quiet", "--output-file", pins]
        subprocess.run(export, check=True, cwd=TOP, stdout=subprocess.DEVNULL)  # noqa: S603 - our own tool and lock
        ignored = [word for exception in EXCEPTIONS for word in ("--ignore-vuln", exception.id)]
        audit = [
            UV,
            "tool",
            "run",
            PIP_AUDIT,
            "--strict",
            "--disable-pip",
            "--require-hashes",
            "--requirement",
            pins,
            *ignored,
        ]
        ran = subprocess.run(audit, check=False)  # noqa: S603 - as above
    return ran.returncode or int(bool(expired))


if __name__ == "__main__":
    sys.exit(main())
