"""What a key has used, and what is left on it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from leanpix.domain.account import Account, DayUsage
from leanpix.domain.errors import KeyRefusedError
from leanpix.service.ports import Clock, Database

_DAY_S = 86400
_SETTLED_S = 900


@dataclass(frozen=True, slots=True)
class Usage:
    """The use case `usage`; now gives Unix seconds."""

    database: Database
    now: Clock

    def current(self, account: Account) -> Account:
        """The account as it is at this moment: its credits may have changed since the key was looked up."""
        with self.database.reading() as view:
            found = view.accounts.get(account.id)
        if found is None:
            raise KeyRefusedError("the API key is unknown")
        return found

    def by_day(self, account: Account, days: int) -> list[DayUsage]:
        """What was charged on each of the last `days` days, today included, oldest first, in UTC."""
        today = int(self.now() // _DAY_S)
        first = today - days + 1
        with self.database.reading() as view:
            found = {usage.day: usage for usage in view.accounts.usage(account.id, first * _DAY_S)}
        return [found.get(day, DayUsage(day, 0, 0)) for day in range(first, today + 1)]


class MonthCounts:
    """How many tasks each key was charged for this month, in UTC, without counting a month's entries each time.

    Charges are dated by the clock of the node that made them: the last 15 minutes' are counted anew each time, so
    that clocks may differ by as much.
    """

    _MOST_REMEMBERED = 4096

    def __init__(self, database: Database, now: Clock) -> None:
        self._database, self._now = database, now
        self._counted: dict[str, tuple[float, float, int]] = {}

    def count(self, account: Account) -> int:
        """The count as of now."""
        now = self._now()
        start = _month_start(now)
        month, until, counted = self._counted.get(account.id, (start, start, 0))
        if month != start:
            until, counted = start, 0
        settled_until = max(until, now - _SETTLED_S)
        with self._database.reading() as view:
            counted += view.accounts.charged(account.id, until, settled_until)
            recent = view.accounts.charged(account.id, settled_until, float("inf"))
        if len(self._counted) >= self._MOST_REMEMBERED:
            self._counted.clear()
        self._counted[account.id] = (start, settled_until, counted)
        return counted + recent


def _month_start(now: float) -> float:
    first = datetime.fromtimestamp(now, UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return first.timestamp()
