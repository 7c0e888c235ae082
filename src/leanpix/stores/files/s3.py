"""Files of sources and results in an S3-compatible store."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import S3Store

from leanpix.domain.errors import SetupError, StoreUnavailableError
from leanpix.domain.formats import OutputFormat
from leanpix.service.open_files import in_memory
from leanpix.stores.files.deferred_deletes import DeferredDeletes

if TYPE_CHECKING:
    from obstore import Bytes, GetResult
    from obstore.store import ClientConfig, RetryConfig

_CHUNK_BYTES = 64 * 1024
_LISTERS = 8
_CLIENT: ClientConfig = {"timeout": "30s", "connect_timeout": "3s", "allow_http": True}
_QUICK_CLIENT: ClientConfig = {"timeout": "2s", "connect_timeout": "2s", "allow_http": True}
_NO_RETRY: RetryConfig = {"max_retries": 0}
_MEDIA_TYPES = {kind.value: kind.media_type for kind in OutputFormat}
_OWN_TYPE = "application/octet-stream"

OnError = Callable[[BaseException], None]


class S3Blobs:
    """Blobs under a prefix of a bucket; whatever fails is tried again for up to patience_s.

    Endpoint, region and credentials come by the usual AWS variables. presigns: whether `presign` gives URLs.
    """

    def __init__(
        self, url: str, *, patience_s: float = 20, presigns: bool = False, on_error: OnError = lambda _failure: None
    ) -> None:
        bucket, prefix = _bucket_and_prefix(url)
        retry: RetryConfig = {
            "max_retries": 100,  # the time is what bounds them
            "retry_timeout": timedelta(seconds=patience_s),
            "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=2), "base": 2},
        }
        self.presigns = presigns
        self._discards = DeferredDeletes(self._delete_many, on_error)
        self._store = S3Store(bucket, prefix=prefix, client_options=_CLIENT, retry_config=retry)
        self._quick = S3Store(bucket, prefix=prefix, client_options=_QUICK_CLIENT, retry_config=_NO_RETRY)

    def put(self, key: str, content: bytes | memoryview | Path, *, waits: bool = True) -> None:
        """Store content, replacing what was there; whole or not at all."""
        del waits  # the store answers once it has it
        media_type = _MEDIA_TYPES.get(key.rpartition(".")[2], _OWN_TYPE)
        attributes = {"Content-Type": media_type, "Content-Disposition": "inline"}
        with _translated():
            obstore.put(self._store, key, content, attributes=attributes, use_multipart=False)

    def flush(self) -> None:
        """Nothing waits."""

    def get(self, key: str) -> bytes | None:
        """The content, or None."""
        content = self._content(key)
        return None if content is None else bytes(content)

    def open(self, key: str) -> BinaryIO | None:
        """The content as an open file in memory, or None."""
        content = self._content(key)
        return None if content is None else in_memory(memoryview(content))

    def stream(self, key: str) -> ObjectStream | None:
        """The content in chunks, or None."""
        with _translated():
            try:
                return ObjectStream(obstore.get(self._store, key))
            except (FileNotFoundError, NotFoundError):
                return None

    def delete(self, key: str) -> None:
        """Remove a blob; none there is no error."""
        with _translated():
            obstore.delete(self._store, key)

    def discard(self, key: str) -> None:
        """Remove a blob within a second or so, with others, behind the caller's back."""
        self._discards.add(key)

    def delete_under(self, prefix: str) -> None:
        """Remove every blob whose key is the prefix, or lies in that folder; none there is no error."""
        with _translated():
            obstore.delete(self._store, [prefix, *self._under(prefix)])

    def delete_all(self, prefixes: Sequence[str]) -> None:
        """The same for many prefixes: what lies under them is looked up by several threads, and removed at once."""
        with _translated():
            with ThreadPoolExecutor(_LISTERS, thread_name_prefix="delete") as threads:
                under = [key for keys in threads.map(self._under, prefixes) for key in keys]
            obstore.delete(self._store, [*prefixes, *under])

    def older_than(self, age_s: float) -> Iterator[str]:
        """Keys of blobs last written more than age_s seconds ago."""
        oldest = datetime.now(UTC).timestamp() - age_s
        with _translated():
            for page in obstore.list(self._store):
                yield from (str(meta["path"]) for meta in page if meta["last_modified"].timestamp() < oldest)

    def has_room(self, more_bytes: int = 0) -> bool:
        """True: a bucket has no end that could be asked for."""
        del more_bytes
        return True

    def room(self) -> None:
        """None, for the same reason."""

    def answers(self) -> bool:
        """Whether the store can be read right now."""
        try:
            obstore.head(self._quick, "readiness")
        except (FileNotFoundError, NotFoundError):
            return True
        except BaseError:
            return False
        return True

    def presign(self, key: str, expires_s: float) -> str | None:
        """A URL of the store that reads the blob by GET, where this is switched on."""
        if not self.presigns:
            return None
        return str(obstore.sign(self._store, "GET", key, timedelta(seconds=expires_s)))

    def close(self) -> None:
        """Remove what was to be discarded."""
        self._discards.close()

    def _under(self, prefix: str) -> list[str]:
        return [str(meta["path"]) for page in obstore.list(self._store, prefix) for meta in page]

    def _content(self, key: str) -> Bytes | None:
        with _translated():
            try:
                return obstore.get(self._store, key).bytes()
            except (FileNotFoundError, NotFoundError):
                return None

    def _delete_many(self, keys: Sequence[str]) -> None:
        with _translated():
            obstore.delete(self._store, keys)


class ObjectStream:
    """An object read in chunks, once."""

    def __init__(self, found: GetResult) -> None:
        self.size_bytes = int(found.meta["size"])
        self._found: GetResult | None = found

    def __iter__(self) -> Iterator[bytes]:
        """The chunks, in order."""
        found, self._found = self._found, None
        with _translated():
            for chunk in found.stream(min_chunk_size=_CHUNK_BYTES) if found is not None else ():
                yield bytes(chunk)

    def close(self) -> None:
        """Read no further: the connection goes with the answer."""
        self._found = None


def _bucket_and_prefix(url: str) -> tuple[str, str | None]:
    parts = urlsplit(url)
    if parts.scheme != "s3" or not parts.netloc:
        raise SetupError("LEANPIX_STORE_URL has to be s3://bucket or s3://bucket/prefix")
    return parts.netloc, parts.path.strip("/") or None


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except BaseError as failure:
        raise StoreUnavailableError from failure
