"""Files of sources and results in an S3-compatible store."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeVar
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError, NotFoundError, PermissionDeniedError, UnauthenticatedError
from obstore.store import S3Store

from leanpix.domain.errors import SetupError, StoreRefusedError, StoreUnavailableError
from leanpix.domain.formats import OutputFormat
from leanpix.service.open_files import in_memory
from leanpix.stores.files.deferred_deletes import DeferredDeletes

if TYPE_CHECKING:
    from obstore import Bytes, GetResult
    from obstore.store import ClientConfig, RetryConfig

_CHUNK_BYTES = 64 * 1024
_LISTERS = 8
# The timeout is that of a whole answer, which a slow client of ours may take a while to read.
_CLIENT: ClientConfig = {"timeout": "1h", "connect_timeout": "3s", "allow_http": True}
_LEAST_READ_S = 1.0
_QUICK_CLIENT: ClientConfig = {"timeout": "2s", "connect_timeout": "2s", "allow_http": True}
_NO_RETRY: RetryConfig = {"max_retries": 0}
_MEDIA_TYPES = {kind.value: kind.media_type for kind in OutputFormat}
_OWN_TYPE = "application/octet-stream"

# The library tells of a certificate in the debug form of its error alone.
_CERTIFICATE_FAULT = re.compile(r"InvalidCertificate\(\s*(\w+?)(?:Context)?\b")
_CERTIFICATE_FAULTS = {
    "NotValidForName": "it is for another name than the one in AWS_ENDPOINT_URL",
    "UnknownIssuer": "its authority is not one that this machine trusts (SSL_CERT_FILE names a file of others)",
    "Expired": "it has expired",
    "NotValidYet": "it is not valid yet",
}

OnError = Callable[[BaseException], None]
_T = TypeVar("_T")


class S3Blobs:
    """Blobs under a prefix of a bucket; whatever fails is tried again, and all is waited for, up to patience_s.

    Endpoint, region and credentials come by the usual AWS variables. presigns: whether `presign` gives URLs.
    """

    def __init__(
        self, url: str, *, patience_s: float = 10, presigns: bool = False, on_error: OnError = lambda _failure: None
    ) -> None:
        bucket, prefix = _bucket_and_prefix(url)
        retry: RetryConfig = {
            "max_retries": 100,  # the time is what bounds them
            "retry_timeout": timedelta(seconds=patience_s),
            "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=2), "base": 2},
        }
        self.presigns = presigns
        self._discards = DeferredDeletes(self._delete_many, on_error)
        self._bucket, self._patience_s = bucket, patience_s
        client: ClientConfig = {**_CLIENT, "read_timeout": timedelta(seconds=max(_LEAST_READ_S, patience_s))}
        self._store = S3Store(bucket, prefix=prefix, client_options=client, retry_config=retry)
        self._quick = S3Store(bucket, prefix=prefix, client_options=_QUICK_CLIENT, retry_config=_NO_RETRY)

    def put(self, key: str, content: bytes | memoryview | Path, *, waits: bool = True) -> None:
        """Store content, replacing what was there; whole or not at all."""
        del waits  # the store answers once it has it
        media_type = _MEDIA_TYPES.get(key.rpartition(".")[2], _OWN_TYPE)
        attributes = {"Content-Type": media_type, "Content-Disposition": "inline"}
        with _translated():
            self._waited(
                lambda: obstore.put_async(self._store, key, content, attributes=attributes, use_multipart=False)
            )

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
                return ObjectStream(self._waited(lambda: obstore.get_async(self._store, key)))
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

    def glance(self, key: str) -> bytes | None:
        """The content, or None; StoreRefusedError where there is no such bucket, or the keys are not taken."""
        with _translated():
            try:
                return bytes(obstore.get(self._quick, key).bytes())
            except (FileNotFoundError, NotFoundError, PermissionDeniedError, UnauthenticatedError) as failure:
                self._require_absent(key, failure)
                return None

    def presign(self, key: str, expires_s: float) -> str | None:
        """A URL of the store that reads the blob by GET, where this is switched on."""
        if not self.presigns:
            return None
        return str(obstore.sign(self._store, "GET", key, timedelta(seconds=expires_s)))

    def close(self) -> None:
        """Remove what was to be discarded."""
        self._discards.close()

    def _require_absent(self, key: str, why: Exception) -> None:
        """StoreRefusedError where it is not only the key that is not there.

        A store may say of such a key that it is forbidden, and the library has no error of its own for a bucket that is
        not there: both are told by whether the bucket can be listed, which nodes have to be able to. One that has
        answered for the key a moment ago, and does not list, is none that would do so later.
        """
        is_forbidden = isinstance(why, PermissionDeniedError | UnauthenticatedError)
        try:
            listed = obstore.list_with_delimiter(self._quick)["objects"]
        except BaseError as failure:
            reason = (
                "the access key or its secret is wrong, or lacks the right" if is_forbidden else "there is none such"
            )
            raise StoreRefusedError(
                f"the file store does not give this node the bucket {self._bucket}: {reason} ({first_line(failure)})"
            ) from failure
        if is_forbidden and any(meta["path"] == key for meta in listed):
            raise StoreRefusedError(
                f"the file store lets this node list the bucket {self._bucket}, and not read it ({first_line(why)})"
            )

    def _waited(self, asked: Callable[[], Awaitable[_T]]) -> _T:
        """What the store answers; StoreUnavailableError after the patience, however many tries it is in by then."""

        async def waited() -> _T:
            return await asyncio.wait_for(asked(), max(_LEAST_READ_S, self._patience_s))

        try:
            return asyncio.run(waited())
        except TimeoutError as failure:
            raise StoreUnavailableError from failure

    def _under(self, prefix: str) -> list[str]:
        return [str(meta["path"]) for page in obstore.list(self._store, prefix) for meta in page]

    def _content(self, key: str) -> Bytes | None:
        with _translated():
            try:
                return self._waited(lambda: self._whole(key))
            except (FileNotFoundError, NotFoundError):
                return None

    async def _whole(self, key: str) -> Bytes:
        return await (await obstore.get_async(self._store, key)).bytes_async()

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


def first_line(failure: BaseException) -> str:
    """What the library says without its own innards, which follow in lines of their own, and the answer's XML."""
    return str(failure).partition("\n")[0].partition(": <")[0].strip()


def s3_cause(failure: StoreUnavailableError) -> str:
    """Why a store did not answer, in one line for its operator."""
    if isinstance(failure, StoreRefusedError):
        return failure.why
    return first_line(failure.__cause__) if isinstance(failure.__cause__, BaseError) else "no answer in time"


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except BaseError as failure:
        fault = _CERTIFICATE_FAULT.search(str(failure))
        if fault is None:
            raise StoreUnavailableError from failure
        why = _CERTIFICATE_FAULTS.get(fault[1], fault[1])
        raise StoreRefusedError(f"the file store's certificate is refused: {why}") from failure
