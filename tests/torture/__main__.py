"""`python -m tests.torture [--minutes M] [--only NAME] [--out PAGE]`: the long tests, and the page of their figures."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from tests.support.pages import ROOT, commit, write_between
from tests.torture.attacks import torture_attacks
from tests.torture.cluster import torture_cluster
from tests.torture.crashes import torture_crashes
from tests.torture.crowding import torture_crowding, torture_soak
from tests.torture.figures import Figures
from tests.torture.hostility import torture_hostility
from tests.torture.suites import torture_suites

PAGE = ROOT / "docs" / "reliability.md"
CLUSTER_PAGE = ROOT / "docs" / "reliability-cluster.md"
ATTACKS_PAGE = ROOT / "docs" / "reliability-attacks.md"
_PAGES = ("cluster", "attacks")  # of their own


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10, help="how long the soak lasts")
    parser.add_argument("--only", choices=["suites", "crashes", "crowding", "hostility", "attacks", "soak", "cluster"])
    parser.add_argument("--out", type=Path, default=PAGE)
    given = parser.parse_args()
    measured = commit()  # before the pages are written, which changes the tree
    folder = Path(tempfile.mkdtemp(prefix="leanpix-torture-"))
    try:
        missed = 0 if given.only in _PAGES else _one_machine(folder, given)
        missed += _attacks(folder, measured) if given.only in (None, "attacks") else 0
        missed += _cluster(folder, measured) if given.only in (None, "cluster") else 0
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return int(missed > 0)


def _attacks(folder: Path, measured: str) -> int:
    """The same for attacks, by themselves: their figures are times."""
    figures = Figures(command='make torture ARGS="--only attacks"', measured=measured)
    torture_attacks(folder, figures)
    write_between(ATTACKS_PAGE, "figures", figures.text())
    figures.sum_up(ATTACKS_PAGE)
    return figures.missed


def _cluster(folder: Path, measured: str) -> int:
    """How many bounds were missed; the figures go into the middle of their page."""
    figures = Figures(command='make torture ARGS="--only cluster"', measured=measured)
    with figures.part("cluster"):
        torture_cluster(folder, figures)
    write_between(CLUSTER_PAGE, "figures", figures.text())
    figures.sum_up(CLUSTER_PAGE)
    return figures.missed


def _one_machine(folder: Path, given: argparse.Namespace) -> int:
    figures = Figures()
    parts = {
        "crowding": partial(torture_crowding, folder, figures),
        "crashes": partial(torture_crashes, folder, figures),
        "hostility": partial(torture_hostility, folder, figures),
        "soak": partial(torture_soak, folder, figures, given.minutes),
        "suites": partial(torture_suites, figures),
    }
    chosen = {name: part for name, part in parts.items() if given.only in (None, name)}
    soak = chosen.pop("soak", None)
    with ThreadPoolExecutor(1) as beside:
        alone = chosen.pop("crowding", None)
        if alone is not None:  # its figures are times
            with figures.part("crowding"):
                alone()
        soaked = beside.submit(soak) if soak is not None else None  # with a server of its own
        for name, part in chosen.items():
            with figures.part(name):
                part()
            figures.write(given.out)
        if soaked is not None:
            with figures.part("soak"):
                soaked.result()
    figures.write(given.out)
    figures.sum_up(given.out)
    return figures.missed


if __name__ == "__main__":
    sys.exit(main())
