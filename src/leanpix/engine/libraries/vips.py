"""libvips, set up once in each process for strangers' files: few loaders, no cache, one thread."""

from __future__ import annotations

import pyvips

_LOADERS = ("Jpeg", "Png", "Webp", "Nsgif", "Tiff")


def restrict_libvips() -> None:
    """Block every loader of libvips but those the engine uses, and turn the operation cache off.

    All of `VipsForeignLoad` is blocked first, for libvips' own list of untrusted loaders misses some (UltraHDR,
    matrices). One thread: every mixed batch that was tried ran fastest so, a process a job beside another.
    """
    pyvips.operation_block_set("VipsForeignLoad", True)
    for name in _LOADERS:
        pyvips.operation_block_set(f"VipsForeignLoad{name}", False)
    pyvips.cache_set_max(0)
    pyvips.concurrency_set(1)
