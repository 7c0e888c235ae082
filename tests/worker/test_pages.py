"""Large pages: pictures have them, the process that children are forked from has not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.engine import pictures as made

from leanpix.domain.request import CompressionOptions
from leanpix.worker.children.pool import CompressorPool
from leanpix.worker.settings import WorkerSettings

PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")


def large_pages_kb(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("AnonHugePages:"))


@pytest.mark.skipif(not PAGES.exists() or "[never]" in PAGES.read_text(), reason="this kernel has no large pages")
@pytest.mark.skipif(os.geteuid() != 0, reason="the zygote and its children let nobody but root see their pages")
def test_the_process_that_children_are_forked_from_has_no_large_pages_and_a_kept_child_has() -> None:
    source = made.encoded(made.photo(1600, 1200), ".jpg")
    with CompressorPool(WorkerSettings(isolation="key", workers=1), environment=os.environ) as pool:
        pool.run(source, CompressionOptions(quality=80), timeout_s=60, tenant="one")
        zygote = pool.zygote_pid
        assert zygote is not None
        children = Path(f"/proc/{zygote}/task/{zygote}/children").read_text().split()
        kept = [large_pages_kb(int(child)) for child in children]
        assert (large_pages_kb(zygote), any(kept)) == (0, True)
