"""What a key has used, and what is left on it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from leanpix.domain.account import Account, DayUsage
from leanpix.domain.errors import KeyRefusedError
from leanpix.service.ports import Clock, Database

_DAY_S = 86400


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
            found = {usage.day: usage for usage in view.accounts.usage(account.id, first)}
        return [found.get(day, DayUsage(day, 0, 0)) for day in range(first, today + 1)]


class MonthCounts:
    """How many tasks each key was charged for this month, in UTC: the sum of its days."""

    def __init__(self, database: Database, now: Clock) -> None:
        self._database, self._now = database, now

    def count(self, account: Account) -> int:
        """The count as of now."""
        now = datetime.fromtimestamp(self._now(), UTC)
        first_day = int(now.timestamp() // _DAY_S) - now.day + 1
        with self._database.reading() as view:
            days = view.accounts.usage(account.id, first_day)
        return sum(day.tasks for day in days)
