"""Name lookups that cannot block their caller past a deadline.

getaddrinfo has no timeout of its own and cannot be interrupted: a dead name server holds it for half a minute or
more. Each lookup runs in a thread of its own that is left behind when time is up; their number is bounded, and a
thread that hangs keeps its place until the resolver lets go.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future

from leanpix.fetching.deadline import Deadline
from leanpix.fetching.refusal import FetchError, FetchRefusal

Resolver = Callable[[str], Sequence[str]]


def system_resolver(host: str) -> list[str]:
    """Every address the system knows for a host name. Raises OSError; may block for long."""
    answers = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return [str(answer[4][0]) for answer in answers]


class BoundedLookup:
    """Runs a blocking resolver in at most `max_threads` threads at a time."""

    def __init__(self, resolver: Resolver, max_threads: int) -> None:
        self._resolver = resolver
        self._places = threading.BoundedSemaphore(max_threads)

    def answers(self, host: str, deadline: Deadline) -> Sequence[str]:
        """What the resolver says about a host. Raises FetchError (source_unreachable, source_timeout)."""
        if not self._places.acquire(timeout=deadline.remaining_s()):
            raise deadline.expired()
        outcome: Future[Sequence[str]] = Future()
        self._start(host, outcome)
        try:
            return outcome.result(timeout=deadline.remaining_s())
        except TimeoutError as error:
            raise deadline.expired() from error
        except (OSError, UnicodeError) as error:
            raise FetchError(FetchRefusal.SOURCE_UNREACHABLE, f"lookup of {host}: {error}") from error

    def _start(self, host: str, outcome: Future[Sequence[str]]) -> None:
        # Daemon threads: one that hangs in the resolver must not hold up the end of the process.
        thread = threading.Thread(target=self._run, args=(host, outcome), name="lookup", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            self._places.release()
            raise FetchError(FetchRefusal.SOURCE_UNREACHABLE, "no thread left for a lookup") from error

    def _run(self, host: str, outcome: Future[Sequence[str]]) -> None:
        try:
            outcome.set_result(self._resolver(host))
        except Exception as error:  # noqa: BLE001 - handed to the caller's thread, which raises it
            outcome.set_exception(error)
        finally:
            self._places.release()
