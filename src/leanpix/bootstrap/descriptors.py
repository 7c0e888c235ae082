"""Open files: as many as the system allows, and a word where those are too few."""

from __future__ import annotations

import resource

from leanpix.domain.errors import SetupError
from leanpix.settings import Settings

# A process at rest has 27 and 5 a worker, one with 16 requests at a time 45 and 12 a worker (docs/decisions/0147).
_BASE, _PER_WORKER = 64, 16
_MOST = 65536


_FEWEST_CONNECTIONS = 16


def most_connections(settings: Settings) -> int:
    """How many connections a serving process has at most: what is set, as far as the limit of open files has room.

    Each may have a file open beside it: what it uploads or reads. Workers and fetchers need theirs, too.
    """
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return settings.max_connections
    left = soft - _BASE - _PER_WORKER * (settings.workers + settings.spare) - 2 * settings.fetchers
    return max(_FEWEST_CONNECTIONS, min(settings.max_connections, left // 2))


def allow_open_files(workers: int) -> None:
    """Raise the soft limit to what the hard one allows; SetupError where that is too little for so many workers."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST if hard == resource.RLIM_INFINITY else min(hard, _MOST)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    needed = _BASE + _PER_WORKER * workers
    if hard != resource.RLIM_INFINITY and hard < needed:
        fitting = (hard - _BASE) // _PER_WORKER
        fewer = f", or LEANPIX_WORKERS={fitting}" if fitting > 0 else ""
        raise SetupError(
            f"{workers} pictures at a time need {needed} open files and the limit is {hard}: "
            f"raise it (ulimit -n {needed}, LimitNOFILE= of systemd, nofile of a container){fewer}"
        )
