"""The tables, for SQLite and PostgreSQL alike."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
)

metadata = MetaData()

accounts = Table(
    "accounts",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("name", Text, nullable=False),
    Column("secret_hash", LargeBinary, nullable=False),
    Column("qps", Float, nullable=False),
    Column("credits", BigInteger),  # null: unlimited
    Column("is_admin", Boolean, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("revoked_at", Float),
    CheckConstraint("credits IS NULL OR credits >= 0", name="credits_never_negative"),
)

tasks = Table(
    "tasks",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("key_id", String(32), ForeignKey("accounts.id"), nullable=False),
    Column("state", Integer, nullable=False),
    Column("options", Text, nullable=False),  # JSON
    Column("return_type", Integer, nullable=False),
    Column("source_kind", String(8), nullable=False),
    Column("created_at", Float, nullable=False),
    Column("processed_at", Float),
    Column("completed_at", Float),
    Column("held", Integer, nullable=False),
    Column("charged", Integer, nullable=False),
    Column("owner", String(64)),
    Column("attempt", Integer, nullable=False),
    Column("beat", Integer, nullable=False),
    Column("message", Text),
    Column("result_blob", Text),
    Column("result_format", String(8)),
    Column("result_bytes", BigInteger),
    Column("report", Text),  # JSON
    Column("callback_url", Text),  # null: nobody is told of the end
    Column("callback_base", Text),
    Column(
        "made_of", String(64), key="cache_key"
    ),  # SHA-256 of source, options, engine; null: nothing that could be used again
    Column("batch_id", String(36)),  # null: by itself. A batch's tasks are kept as long as the batch
    Column("trace", String(64)),  # the request's traceparent; null: not traced
    Column("fetch_host", String(255)),  # digest of where the source has still to be fetched from; null: it is there
    Column("faults", Integer, nullable=False, server_default="0"),  # attempts that failed, not interrupted ones
    Column("source", LargeBinary),  # a small upload, until the task has ended
    # A column of its own: SQLite 3.40 takes `source IS NOT NULL` for true wherever an UPDATE returns it.
    Column("source_in_row", Boolean, nullable=False, server_default=false()),
    Column("result", LargeBinary),  # a small result, as long as the row is kept
    Column("result_in_row", Boolean, nullable=False, server_default=false()),
)
# What a task is read by: its source or result may be as large as all other rows of the answer together.
task_columns = tuple(column for column in tasks.c if column not in {tasks.c.source, tasks.c.result})
# One row is unfinished or finished: the first index serves workers and queue bounds, the second the sweeper.
Index("tasks_unfinished", tasks.c.completed_at, tasks.c.created_at)
Index("tasks_of_key", tasks.c.key_id, tasks.c.completed_at)
Index("tasks_made_of", tasks.c.cache_key, tasks.c.completed_at)
Index("tasks_of_batch", tasks.c.batch_id, tasks.c.completed_at)

ledger = Table(
    "ledger",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("key_id", String(32), ForeignKey("accounts.id"), nullable=False),
    Column("task_id", String(36)),  # null: a top-up. No foreign key: entries outlive their tasks
    Column("kind", String(8), nullable=False),
    Column("credits", BigInteger, nullable=False),
    Column("created_at", Float, nullable=False),
    UniqueConstraint("task_id", "kind", name="once_per_task"),
    # Settling and releasing exclude each other: both write the same value here.
    Column("closes", String(36), unique=True),
)
Index("ledger_by_age", ledger.c.created_at)

# What tasks were charged, summed up by the UTC day as they are settled: the ledger's rows are only kept for a while.
usage_days = Table(
    "usage_days",
    metadata,
    Column("key_id", String(32), ForeignKey("accounts.id"), primary_key=True),
    Column("day", Integer, primary_key=True),  # since the Unix epoch
    Column("tasks", BigInteger, nullable=False),
    Column("credits", BigInteger, nullable=False),
)

submissions = Table(
    "submissions",
    metadata,
    # No foreign key: its lock on the account's row, taken before the hold's, could meet another's the other way round.
    Column("key_id", String(32), primary_key=True),
    Column("token", String(64), primary_key=True),
    Column("fingerprint", String(64), nullable=False),
    Column("task_id", String(36), nullable=False),  # no foreign key: a submission outlives its task
    Column("created_at", Float, nullable=False),
)
Index("submissions_by_age", submissions.c.created_at)

rates = Table(
    "rates",
    metadata,
    Column("key_id", String(32), primary_key=True),
    Column("bucket", String(8), primary_key=True),
    Column("arrival", Float, nullable=False),  # theoretical arrival time of the next request, Unix seconds
)

# What has to be told to receivers: written with the task's end, and kept for a while as the log of deliveries.
notices = Table(
    "notices",
    metadata,
    Column("task_id", String(36), primary_key=True),  # no foreign key: the log outlives the task
    Column("key_id", String(32), ForeignKey("accounts.id"), nullable=False),
    Column("url", Text, nullable=False),
    Column("base", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("state", String(10), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("due_at", Float),  # null: not tried again; a try under way: when it counts as lost
    Column("tries", Text, nullable=False),  # JSON: pairs of time and status
)
Index("notices_due", notices.c.due_at)
Index("notices_of_key", notices.c.key_id, notices.c.created_at)

webhook_salts = Table(
    "webhook_salts",
    metadata,
    Column("key_id", String(32), ForeignKey("accounts.id"), primary_key=True),
    Column("current", String(32), nullable=False),
    Column("previous", String(32)),
    Column("rotated_at", Float, nullable=False),
)

installation = Table(
    "installation",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("value", Text, nullable=False),
)

batches = Table(
    "batches",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("key_id", String(32), ForeignKey("accounts.id"), nullable=False),
    Column("options", Text, nullable=False),  # JSON
    Column("created_at", Float, nullable=False),
    Column("completed_at", Float),
    Column("callback_url", Text),  # null: nobody is told of the end
    Column("callback_base", Text),
    Column("source_bytes", BigInteger, nullable=False, server_default="0"),  # of all its sources as they are stored
)
Index("batches_unfinished", batches.c.completed_at, batches.c.created_at)

batch_items = Table(
    "batch_items",
    metadata,
    Column("batch_id", String(36), ForeignKey("batches.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("task_id", String(36), nullable=False, unique=True),  # of a row in tasks, once it waits no more
    Column("source_kind", String(8), nullable=False),
    Column("is_waiting", Boolean, nullable=False),
    Column("fetch_host", String(255)),  # of a source to be fetched
)
