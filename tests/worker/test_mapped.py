"""A file as a bytes object: it is one in every way that can be asked."""

from __future__ import annotations

import gc
import io
import mmap
import os
import subprocess
import sys
import tempfile

import pytest

from leanpix.service.open_files import in_memory
from leanpix.worker.children.mapped import mapped

PAGE = mmap.PAGESIZE


@pytest.mark.parametrize("size", [0, 1, 31, PAGE - 1, PAGE, PAGE + 1, 3 * PAGE, (1 << 20) + 7])
def test_it_is_the_files_content(size: int) -> None:
    content = os.urandom(size)
    with in_memory(content) as file:
        held = mapped(file.fileno())
    assert type(held) is bytes
    assert (len(held), held == content, hash(held)) == (size, True, hash(content))
    assert (held[:40], held[-40:], held[5::7]) == (content[:40], content[-40:], content[5::7])
    assert (held + b"!", bytes(memoryview(held)), io.BytesIO(held).read()) == (content + b"!", content, content)
    assert held.find(content[-9:]) == content.find(content[-9:])


def test_it_outlives_the_file_and_everybody_who_held_it() -> None:
    with tempfile.TemporaryFile() as file:
        file.write(b"picture" * PAGE)
        file.flush()
        held = mapped(file.fileno())
    copies = [held for _ in range(1000)]
    del copies
    gc.collect()
    assert held == b"picture" * PAGE


def test_it_ends_with_a_zero_as_libraries_in_c_expect() -> None:
    """The interpreter reads a number up to that zero, and compares how long it was."""
    with in_memory(b"7" * PAGE) as file:
        assert int(mapped(file.fileno())) == int("7" * PAGE)


def test_it_costs_no_memory_of_its_own() -> None:
    """In a process of its own: 64 MB are mapped, and the pages that it has for itself stay as they were."""
    script = (
        "import os, re; from pathlib import Path; from leanpix.worker.children.mapped import mapped\n"
        "file = os.memfd_create('source'); os.truncate(file, 64 << 20)\n"
        "def own(): return int(re.search(r'RssAnon:\\s+(\\d+)', Path('/proc/self/status').read_text())[1])\n"
        "before = own(); held = mapped(file); assert held.count(b'a') == 0; print(own() - before)\n"
    )
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True)
    assert int(shown.stdout) < 1024
