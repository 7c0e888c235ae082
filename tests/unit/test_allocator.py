"""What a serving process frees is there for its next request."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

# Blocks of the size that the parts of an upload have: what they cost in page faults, once they were there before.
FAULTS = """
import resource, sys
from leanpix.bootstrap.allocator import keep_freed_memory
if sys.argv[1] == "kept":
    keep_freed_memory()
def request():
    parts = [bytes(256 * 1024) for _ in range(4)]
    b"".join(parts)
request()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    request()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how: str) -> int:
    return int(subprocess.check_output([sys.executable, "-c", FAULTS, how], text=True))


def test_the_memory_of_one_request_serves_the_next() -> None:
    if platform.libc_ver()[0] != "glibc":
        pytest.skip("this is of glibc's allocator")
    assert 10 * faults("kept") < faults("as it comes")
