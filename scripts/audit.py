"""Known vulnerabilities in what uv.lock pins, by pip-audit; each exception has a reason and a date to look again.

Where the index has no record for a release that pip-audit asks it about, the record of the project's newest release
is asked instead: it answers for that release alone. What is pinned to an older one is then not answered at all, which
counts as a failure unless it is an exception: an index without vulnerability data proves nothing.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import tomllib
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, TypeVar

TOP = Path(__file__).resolve().parent.parent
UV = TOP / ".tools" / "uv"
PIP_AUDIT = "pip-audit==2.10.1"
INDEX = "https://pypi.org/pypi"
TIMEOUT_S = 60
AT_ONCE = 8


@dataclass(frozen=True)
class Accepted:
    """A vulnerability that does not concern this project, why, and until when that may be believed."""

    id: str
    reason: str
    until: date


@dataclass(frozen=True)
class Unanswered:
    """A release that may go without a record, why it is pinned, and until when that may be so."""

    name: str
    version: str
    reason: str
    until: date


ACCEPTED: tuple[Accepted, ...] = ()

Dated = TypeVar("Dated", Accepted, Unanswered)

_LOOKED_AT_AGAIN = date(2027, 2, 28)
_LAST_FOR_3_11 = "the last release for Python 3.11; the newest one, for 3.12 on, has no known vulnerability"
UNANSWERED = (
    Unanswered("contourpy", "1.3.3", f"{_LAST_FOR_3_11}; draws the plots of a benchmark", _LOOKED_AT_AGAIN),
    Unanswered(
        "imagecodecs",
        "2026.3.6",
        f"{_LAST_FOR_3_11}; only its libjxl is loaded, on processors other than x86-64",
        _LOOKED_AT_AGAIN,
    ),
    Unanswered("numpy", "2.4.6", f"{_LAST_FOR_3_11}; no file is read or unpickled by it", _LOOKED_AT_AGAIN),
    Unanswered("scipy", "1.17.1", f"{_LAST_FOR_3_11}; used by tests alone", _LOOKED_AT_AGAIN),
    Unanswered("jsonschema-rs", "0.60.3", "the newest that schemathesis allows; used by tests alone", _LOOKED_AT_AGAIN),
    Unanswered(
        "zensical", "0.0.73", "later ones need zensical-ui, which the index had not; makes the site", _LOOKED_AT_AGAIN
    ),
    Unanswered("pymdown-extensions", "12.3", "the newest that this zensical allows; makes the site", _LOOKED_AT_AGAIN),
)


@dataclass(frozen=True)
class Record:
    """What the index says of a project's newest release: its version, and what is known against it."""

    version: str
    vulnerabilities: list[dict[str, Any]]


def main() -> int:
    """Audit the lock and say what was found; 0 when every release is answered for."""
    today = datetime.now(UTC).date()
    locked = locked_versions((TOP / "uv.lock").read_text())
    report = pip_audit_report()
    unrecorded = sorted(entry["name"] for entry in report if "skip_reason" in entry)
    with ThreadPoolExecutor(AT_ONCE) as threads:
        records = dict(zip(unrecorded, threads.map(newest_record, unrecorded), strict=True))
    accepted = {exception.id for exception in in_force(ACCEPTED, today)}
    excused = {(one.name, one.version): one for one in in_force(UNANSWERED, today)}
    failures = [*known(report, accepted), *unknown(records, locked, accepted, excused)]
    by_newest = sum(record.version in locked[name] for name, record in records.items())
    print(f"{len(report) - len(unrecorded)} projects answered for by pip-audit, {by_newest} by their newest release")
    for (name, version), one in excused.items():
        if name in records and version in locked[name]:
            print(f"without a record until {one.until}: {name} {version}, {one.reason}")
    print("\n".join(failures) or "no known vulnerabilities")
    return int(bool(failures))


def in_force(exceptions: Iterable[Dated], today: date) -> list[Dated]:
    """The exceptions whose date has not passed."""
    return [exception for exception in exceptions if exception.until >= today]


def locked_versions(lock: str) -> dict[str, set[str]]:
    """The versions of each project that a uv.lock takes from an index: more than one where Pythons differ."""
    versions: dict[str, set[str]] = {}
    for package in tomllib.loads(lock)["package"]:
        if "registry" in package["source"]:
            versions.setdefault(package["name"], set()).add(package["version"])
    return versions


def pip_audit_report() -> list[dict[str, Any]]:
    """pip-audit's word on each release of the exported lock: its vulnerabilities, or why there is no word."""
    with tempfile.TemporaryDirectory() as folder:
        pins, report = Path(folder, "requirements.txt"), Path(folder, "report.json")
        export: list[str | Path] = [UV, "export", "--frozen", "--no-emit-project", "--all-groups", "--all-extras"]
        export += ["--quiet", "--output-file", pins]
        audit: list[str | Path] = [UV, "tool", "run", "--quiet", PIP_AUDIT, "--disable-pip", "--require-hashes"]
        audit += ["--requirement", pins, "--format", "json", "--output", report, "--progress-spinner", "off"]
        subprocess.run(export, check=True, cwd=TOP, stdout=subprocess.DEVNULL)  # noqa: S603 - our own tool and lock
        ran = subprocess.run(audit, check=False, stderr=subprocess.PIPE, text=True)  # noqa: S603 - as above
        if not report.exists():  # it ends with 1 for a vulnerability as it does for a fault of its own
            raise SystemExit(f"pip-audit failed: {ran.stderr}")
        found: list[dict[str, Any]] = json.loads(report.read_text())["dependencies"]
    return found


def newest_record(name: str) -> Record:
    """What the index says of a project's newest release; OSError where it cannot be asked."""
    with urllib.request.urlopen(f"{INDEX}/{name}/json", timeout=TIMEOUT_S) as answer:  # noqa: S310 - https, as above
        content = json.load(answer)
    return Record(content["info"]["version"], [one for one in content["vulnerabilities"] if not one.get("withdrawn")])


def known(report: Iterable[Mapping[str, Any]], accepted: set[str]) -> Iterator[str]:
    """A line for each vulnerability that pip-audit reports and nobody has accepted."""
    for entry in report:
        if "vulns" in entry:
            yield from _told(entry["name"], entry["version"], entry["vulns"], accepted)


def unknown(
    records: Mapping[str, Record],
    locked: Mapping[str, set[str]],
    accepted: set[str],
    excused: Mapping[tuple[str, str], Unanswered],
) -> Iterator[str]:
    """A line for each release that only its project's newest could answer for, and that is vulnerable or another."""
    for name, record in records.items():
        for version in sorted(locked[name]):
            if version == record.version:
                yield from _told(name, version, record.vulnerabilities, accepted)
            elif (name, version) not in excused:
                yield f"{name} {version}: no record, and no exception for it that has not ended"


def _told(name: str, version: str, vulnerabilities: Iterable[Mapping[str, Any]], accepted: set[str]) -> Iterator[str]:
    """A line for each of a release's vulnerabilities that nobody has accepted under any of its ids."""
    for vulnerability in vulnerabilities:
        ids = {vulnerability["id"], *vulnerability["aliases"]}
        if not ids & accepted:
            yield f"{name} {version}: {' '.join(sorted(ids))}"


if __name__ == "__main__":
    sys.exit(main())
