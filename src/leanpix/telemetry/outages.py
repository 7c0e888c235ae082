"""A database or file store that is away, in the log: a line when it begins, one a minute, and one when it is over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import Lock

from leanpix.domain.errors import StoreRefusedError, StoreUnavailableError
from leanpix.telemetry.structured import structlog

DATABASE, FILES = "database", "files"
_AGAIN_S = 60.0
# Connections that were made before an outage fail one by one after it, as each is used.
_QUIET_S = 2.0
_MOST_CAUSES = 8
# By their names: whoever logs need not load the libraries that one machine by itself does without.
_OF_DATABASES = frozenset({"psycopg", "psycopg_pool", "sqlalchemy", "procrastinate", "sqlite3"})
_AWAY = frozenset({"OperationalError", "InterfaceError", "PoolTimeout", "TimeoutError", "ConnectorException"})


@dataclass(slots=True)
class _Outage:
    since: float
    told_at: float
    failed_at: float
    failures: int = 1


class Outages:
    """What is away, and since when. Thread-safe; monotonic gives seconds."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._away: dict[str, _Outage] = {}
        self._lock = Lock()

    def failed(self, part: str, why: str) -> None:
        """Something failed because this part did not answer."""
        with self._lock:
            now, outage = self._monotonic(), self._away.get(part)
            if outage is None:
                self._away[part] = _Outage(now, now, now)
                structlog.get_logger().error("outage", part=part, why=why)
                return
            outage.failures += 1
            outage.failed_at = now
            if now - outage.told_at >= _AGAIN_S:
                outage.told_at = now
                lasts = {"seconds": round(now - outage.since), "failures": outage.failures}
                structlog.get_logger().error("outage goes on", part=part, why=why, **lasts)

    def works(self, part: str) -> None:
        """This part has answered: the outage is over where nothing else has failed of it for a moment."""
        if part not in self._away:
            return
        with self._lock:
            now, outage = self._monotonic(), self._away.get(part)
            if outage is None or now - outage.failed_at < _QUIET_S:
                return
            del self._away[part]
            lasted = {"seconds": round(outage.failed_at - outage.since, 1), "failures": outage.failures}
            structlog.get_logger().warning("outage over", part=part, **lasted)

    @property
    def away(self) -> frozenset[str]:
        """The parts that are away, as far as is known."""
        return frozenset(self._away)


def part_of(failure: BaseException) -> str | None:
    """Which part did not answer, or None where the failure is of another kind."""
    for cause in _causes(failure):
        kinds = type(cause).__mro__
        if any(kind.__module__.partition(".")[0] in _OF_DATABASES and kind.__name__ in _AWAY for kind in kinds):
            return DATABASE
    return FILES if isinstance(failure, StoreUnavailableError) else None


def why_of(failure: BaseException) -> str:
    """The first cause in one line. What libraries say of a store that is away holds no request's content."""
    if isinstance(failure, StoreRefusedError):
        return failure.why
    *_, first = _causes(failure)
    lines = str(first).strip().splitlines()
    return lines[0] if lines else type(first).__name__


def _causes(failure: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = failure
    for _ in range(_MOST_CAUSES):
        if cause is None:
            return
        yield cause
        cause = cause.__cause__ or cause.__context__
