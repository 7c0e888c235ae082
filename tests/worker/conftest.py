from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from leanpix.domain.request import CompressionOptions
from leanpix.worker.children.pool import CompressorPool
from leanpix.worker.machine import memory_kills
from leanpix.worker.settings import WorkerSettings

Act = Callable[..., str]
PoolMaker = Callable[..., CompressorPool]


def make_pool(*, kills_for_memory: Callable[[], int | None] = memory_kills, **settings: Any) -> CompressorPool:
    """A pool whose children do what child_jobs.py offers."""
    values = {"child_memory_mb": 256, "child_cpu_s": 5, "max_result_mb": 16, "workers": 2, **settings}
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent), "LEANPIX_KEY_PEPPER": "a secret"}
    return CompressorPool(
        WorkerSettings.model_validate(values),
        job="child_jobs:act",
        preload=(),
        environment=environment,
        kills_for_memory=kills_for_memory,
    )


def run_in(pool: CompressorPool, act: str, *, timeout_s: float = 20.0) -> str:
    """What the act answered, after the JPEG signature that makes it pass for a picture."""
    compression = pool.run(act.encode("latin-1"), CompressionOptions(quality=80), timeout_s=timeout_s)
    return bytes(compression.data[3:]).decode()


@pytest.fixture(scope="session")
def pool() -> Iterator[CompressorPool]:
    """One pool for every test that leaves it as it was: what a child does is no matter to the next."""
    with make_pool() as made:
        yield made


@pytest.fixture
def act(pool: CompressorPool) -> Act:
    return lambda name, **options: run_in(pool, name, **options)


@pytest.fixture
def new_pool() -> Iterator[PoolMaker]:
    made: list[CompressorPool] = []

    def make(**settings: Any) -> CompressorPool:
        made.append(make_pool(**settings))
        made[-1].start()
        return made[-1]

    yield make
    for pool in made:
        pool.close()
