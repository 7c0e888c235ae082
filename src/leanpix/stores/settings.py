"""Settings of the stores."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, Field

from leanpix.setting_types import BucketUrl, DatabaseUrl, OwnPath

YEAR_S = 366 * 86400
_SHARED_ROW_BYTES, _MOST_ROW_BYTES = 64 * 1024, 256 * 1024


class StoreSettings(BaseModel):
    """Where data lives and how long it is kept."""

    data_dir: OwnPath = Field(default=Path("data"), description="Folder of the database, the files and the secrets.")
    database_url: DatabaseUrl | None = Field(
        default=None,
        repr=False,
        description="`postgresql://user:password@host/database` for several machines; "
        "default: SQLite in the data folder.",
    )
    database_direct_url: DatabaseUrl | None = Field(
        default=None,
        repr=False,
        description="The same database without a pooler of transactions that LEANPIX_DATABASE_URL leads through: "
        "each process listens there, by one connection. Default: LEANPIX_DATABASE_URL.",
    )
    database_connections: int = Field(
        default=6,
        ge=2,
        le=200,
        description="Most connections of a process to PostgreSQL, beside one that an API node listens by, and one by "
        "which a worker hears of work.",
    )
    store_url: BucketUrl | None = Field(
        default=None,
        description="`s3://bucket/prefix` for several machines, with endpoint, region and credentials by the usual AWS "
        "variables; default: files in the data folder.",
    )
    row_bytes: int | None = Field(
        default=None,
        ge=0,
        le=_MOST_ROW_BYTES,
        description="Uploads of up to so many bytes wait in a shared database with their task, in place of the file "
        "store, and their results of up to so many are kept there: nothing of such a task is in the store. Of one "
        "machine's `sync=1` requests it is the results alone. 0: none. Default: 65536 in a shared database, 262144 of "
        "one machine.",
    )
    row_disk_share: float = Field(
        default=0.05,
        ge=0,
        le=1,
        description="Share of the disk that one machine's database may take before small results are files there: "
        "what it has taken it keeps.",
    )
    recent_result_bytes: int = Field(
        default=4 * 1024 * 1024,
        ge=0,
        le=1 << 30,
        description="Most bytes of results in rows that the process which made them keeps in memory until they are "
        "read once. 0: none.",
    )
    presign: bool = Field(
        default=False,
        description="Let result URLs lead to the S3 store itself: saves the API the traffic, but they answer GET only.",
    )
    patience_s: float = Field(
        default=10, ge=0, le=120, description="Seconds that a database or store that does not answer is waited for."
    )
    start_wait_s: float = Field(
        default=60,
        ge=0,
        le=3600,
        description="Seconds that `leanpix serve`, `worker` and `migrate` wait at their start for a shared database "
        "that does not answer; what no wait mends, such as a wrong password, ends them at once.",
    )
    pairing_s: float = Field(
        default=30,
        ge=0.1,
        le=3600,
        description="Seconds between two looks whether database, file store and secret still belong together, by each "
        "node that works on shared ones.",
    )
    retention_s: float = Field(
        default=3600, gt=0, le=YEAR_S, description="Seconds that a finished task and its result are kept."
    )
    idempotency_s: float = Field(
        default=86400,
        gt=0,
        le=YEAR_S,
        description="Seconds that an Idempotency-Key is known; never shorter than its task and the result are kept.",
    )
    ledger_s: float = Field(
        default=30 * 86400,
        ge=86400,
        le=100 * 366 * 86400,
        description="Seconds that the ledger's entry of an ended task is kept; what was used stays, summed up by day.",
    )
    spool_dir: OwnPath | None = Field(
        default=None,
        description="Folder for what is being sent or fetched, on the disk of the files so that nothing is copied; "
        "default: `spool` in the data folder, or the system's temporary folder where the files lie in S3.",
    )
    in_flight_bytes: int = Field(
        default=2 * 1024**3,
        ge=1024**2,
        le=1024**5,
        description="Most bytes of requests that are being received at the same time, of all keys.",
    )
    in_flight_bytes_per_key: int = Field(
        default=512 * 1024**2,
        ge=1024**2,
        le=1024**5,
        description="The same, of one key; above, its uploads are refused with 429.",
    )
    memory_source_bytes: int = Field(
        default=16 * 1024 * 1024,
        ge=0,
        le=1 << 30,
        description="Most bytes of sources of 64 to 256 KB that lie in memory at once, in place of the spool: while "
        "they are being sent, and of `sync=1` requests until their tasks have ended. Smaller ones always do. 0: none.",
    )
    longest_wait_s: float = Field(
        default=3600, gt=0, le=YEAR_S, description="Seconds after which a task that no worker took ends as timed out."
    )
    min_free_share: float = Field(
        default=0.05, ge=0, lt=1, description="Share of the disk that stays free: below it new work is refused."
    )
    sync_files: bool = Field(
        default=True,
        description="Wait until each source and result is on the disk itself, so that no power cut empties the file of "
        "a task that was taken or done; a few ms each. No effect on S3.",
    )

    @property
    def most_row_bytes(self) -> int:
        """Up to how many bytes a source or a result may lie in its task's row; 0: none does."""
        if self.row_bytes is None:
            return _MOST_ROW_BYTES if self.database_url is None else _SHARED_ROW_BYTES
        return self.row_bytes
