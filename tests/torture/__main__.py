"""`python -m tests.torture [--minutes M] [--only NAME] [--out PAGE]`: the long tests, and the page of their figures."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from tests.torture.crashes import torture_crashes
from tests.torture.crowding import torture_crowding, torture_soak
from tests.torture.figures import Figures
from tests.torture.hostility import torture_hostility
from tests.torture.suites import torture_suites

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reliability.md"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10, help="how long the soak lasts")
    parser.add_argument("--only", choices=["suites", "crashes", "crowding", "hostility", "soak"])
    parser.add_argument("--out", type=Path, default=PAGE)
    given = parser.parse_args()
    figures, folder = Figures(), Path(tempfile.mkdtemp(prefix="leanpix-torture-"))
    parts = {
        "crowding": partial(torture_crowding, folder, figures),
        "crashes": partial(torture_crashes, folder, figures),
        "hostility": partial(torture_hostility, folder, figures),
        "soak": partial(torture_soak, folder, figures, given.minutes),
        "suites": partial(torture_suites, figures),
    }
    chosen = {name: part for name, part in parts.items() if given.only in (None, name)}
    soak = chosen.pop("soak", None)
    try:
        with ThreadPoolExecutor(1) as beside:
            alone = chosen.pop("crowding", None)
            if alone is not None:  # its figures are times
                alone()
            soaked = beside.submit(soak) if soak is not None else None  # with a server of its own
            for part in chosen.values():
                part()
                figures.write(given.out)
            if soaked is not None:
                soaked.result()
        figures.write(given.out)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return int(figures.missed > 0)


if __name__ == "__main__":
    sys.exit(main())
