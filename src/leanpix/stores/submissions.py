"""What idempotency keys stand for, in a SQL database."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, and_, delete, exists, select
from sqlalchemy.dialects import postgresql, sqlite

from leanpix.domain.submission import Submission
from leanpix.stores.tables import submissions, tasks


class SqlSubmissions:
    """The submissions of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def find(self, key_id: str, token: str) -> Submission | None:
        """The submission under this token, or None."""
        chosen = select(submissions).where(submissions.c.key_id == key_id, submissions.c.token == token)
        row = self._connection.execute(chosen).first()
        return None if row is None else _submission(row)

    def claim(self, submission: Submission) -> Submission:
        """The submission that has the token from now on: this one, or the earlier one that had it already.

        The primary key decides: a second insert waits for the first one's transaction, and does nothing after it.
        """
        dialect = postgresql if self._connection.dialect.name == "postgresql" else sqlite
        row = dialect.insert(submissions).values(
            key_id=submission.key_id,
            token=submission.token,
            fingerprint=submission.fingerprint,
            task_id=submission.task_id,
            created_at=submission.created_at,
        )
        if self._connection.execute(row.on_conflict_do_nothing().returning(submissions.c.task_id)).first() is not None:
            return submission
        return self.find(submission.key_id, submission.token) or self.claim(submission)

    def forget(self, created_before: float, limit: int) -> int:
        """Remove old ones whose task is gone too; returns how many."""
        has_task = exists().where(tasks.c.id == submissions.c.task_id)
        old = select(submissions.c.key_id, submissions.c.token).where(submissions.c.created_at < created_before)
        chosen = old.where(~has_task).limit(limit).subquery()
        same = and_(submissions.c.key_id == chosen.c.key_id, submissions.c.token == chosen.c.token)
        return self._connection.execute(delete(submissions).where(exists().where(same))).rowcount


def _submission(row: Row[Any]) -> Submission:
    return Submission(row.key_id, row.token, row.fingerprint, row.task_id, row.created_at)
