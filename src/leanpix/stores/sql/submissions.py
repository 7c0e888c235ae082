"""What idempotency keys stand for, in a SQL database."""

from __future__ import annotations

from dataclasses import asdict
from functools import cache

from sqlalchemy import and_, bindparam, delete, exists, select
from sqlalchemy.sql.dml import ReturningInsert

from leanpix.domain.submission import Submission
from leanpix.stores.sql.connections import SqlConnection, SqlRow
from leanpix.stores.sql.tables import submissions, tasks
from leanpix.stores.sql.upserts import insert_if_new

_FIND = select(submissions).where(
    submissions.c.key_id == bindparam("of_key"), submissions.c.token == bindparam("of_token")
)


class SqlSubmissions:
    """The submissions of one transaction."""

    def __init__(self, connection: SqlConnection) -> None:
        self._connection = connection

    def find(self, key_id: str, token: str) -> Submission | None:
        """The submission under this token, or None."""
        row = self._connection.execute(_FIND, {"of_key": key_id, "of_token": token}).first()
        return None if row is None else _submission(row)

    def claim(self, submission: Submission) -> Submission:
        """The submission that has the token from now on: this one, or the earlier one that had it already.

        The primary key decides: a second insert waits for the first one's transaction, and does nothing after it.
        """
        claim = _claim(self._connection.dialect.name)
        if self._connection.execute(claim, asdict(submission)).first() is not None:
            return submission
        return self.find(submission.key_id, submission.token) or self.claim(submission)

    def forget(self, created_before: float, limit: int) -> int:
        """Remove old ones whose task is gone too; returns how many."""
        has_task = exists().where(tasks.c.id == submissions.c.task_id)
        old = select(submissions.c.key_id, submissions.c.token).where(submissions.c.created_at < created_before)
        chosen = old.where(~has_task).limit(limit).subquery()
        same = and_(submissions.c.key_id == chosen.c.key_id, submissions.c.token == chosen.c.token)
        return self._connection.execute(delete(submissions).where(exists().where(same))).rowcount


def _submission(row: SqlRow) -> Submission:
    return Submission(row.key_id, row.token, row.fingerprint, row.task_id, row.created_at)


@cache
def _claim(dialect: str) -> ReturningInsert[tuple[str]]:
    return insert_if_new(dialect, submissions).returning(submissions.c.task_id)
