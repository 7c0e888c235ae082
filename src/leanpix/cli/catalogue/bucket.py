"""A catalogue in a bucket of S3, Google or Azure, or of any store that speaks S3."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError, InvalidPathError, NotFoundError
from obstore.store import from_url

from leanpix.cli.catalogue.places import BUCKET_SCHEMES, Entry, Opened
from leanpix.domain.errors import SetupError
from leanpix.stores.files.s3 import first_line

if TYPE_CHECKING:
    from obstore import GetResult, ObjectMeta
    from obstore.store import ClientConfig, RetryConfig

_PAGE = 1000
_PART_BYTES = 8 << 20  # S3's least is 5 MiB, and its most 10,000 parts: objects of up to 80 GB
_PARTS_AT_A_TIME = 2
_LAST = chr(0x10FFFF)
_UNLISTED = "a key with an empty part (//) lies in this folder: none of it can be listed"
_CLIENT: ClientConfig = {"timeout": "10m", "connect_timeout": "5s", "read_timeout": "60s", "allow_http": True}
_RETRY: RetryConfig = {"max_retries": 10, "retry_timeout": timedelta(seconds=60)}


class Bucket:
    """What lies under a prefix; endpoint, region and credentials come by each store's usual variables."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in BUCKET_SCHEMES or not parts.netloc or parts.query or parts.fragment:
            allowed = ", ".join(f"{scheme}://bucket/prefix" for scheme in BUCKET_SCHEMES)
            raise SetupError(f"{url} is no place: a folder, {allowed} are allowed")
        self.name = url
        with _refused(url):
            self._store = from_url(url.rstrip("/"), client_options=_CLIENT, retry_config=_RETRY)

    def entries(self) -> Iterator[Entry]:
        """Every object, by its key."""
        with _refused(self.name):
            for found in self._below(None):
                if isinstance(found, str):
                    yield Entry(found, problem=_UNLISTED, is_hole=True)
                else:
                    yield Entry(str(found["path"]), _source_stamp(found), int(found["size"]))

    def _below(self, prefix: str | None, after: str = "") -> Iterator[ObjectMeta | str]:
        """Every object of a folder whose key comes after this one; of a part that cannot be listed its folder's key.

        The library refuses a whole page for one key with an empty part (`a//b`). What lies beside that key's folder is
        listed folder by folder then, from where the pages ended: stores list in the order of keys.
        """
        last = after
        try:
            for page in obstore.list(self._store, prefix, offset=after or None, chunk_size=_PAGE):
                for meta in page:
                    last = str(meta["path"])
                    yield meta
        except InvalidPathError:
            try:
                level = obstore.list_with_delimiter(self._store, prefix)
            except InvalidPathError:
                if prefix is None:
                    raise
                yield prefix
                return
        else:
            return
        yield from (meta for meta in level["objects"] if str(meta["path"]) > last)
        for folder in map(str, level["common_prefixes"]):
            if not last or f"{folder}/{_LAST}" > last:
                yield from self._below(folder, last if last.startswith(f"{folder}/") else "")

    @contextmanager
    def open(self, key: str) -> Iterator[OpenedObject]:
        """An object to read."""
        with _told():
            yield OpenedObject(obstore.get(self._store, key))

    def put(self, key: str, content: bytes | Iterable[bytes], like: Opened, headers: Mapping[str, str]) -> str:
        """Upload it: one request, or parts that are put together when all of them are there."""
        del like
        with _told():
            if isinstance(content, bytes):
                made = obstore.put(self._store, key, content, attributes=dict(headers), use_multipart=False)
            else:
                made = obstore.put(
                    self._store,
                    key,
                    iter(content),
                    attributes=dict(headers),
                    chunk_size=_PART_BYTES,
                    max_concurrency=_PARTS_AT_A_TIME,
                )
        return made["e_tag"] or ""

    def delete(self, key: str) -> None:
        """Remove an object."""
        with _told():
            obstore.delete(self._store, key)

    def stamps(self) -> Iterator[tuple[str, str]]:
        """Key and stamp of every object, as `put` gives it."""
        with _refused(self.name):
            for page in obstore.list(self._store, chunk_size=_PAGE):
                yield from ((str(meta["path"]), meta["e_tag"] or "") for meta in page)


class OpenedObject:
    """An object of a store."""

    status: os.stat_result | None = None
    path: Path | None = None

    def __init__(self, found: GetResult) -> None:
        meta = found.meta
        self.stamp, self.size = _source_stamp(meta), int(meta["size"])
        self.modified_ns = int(meta["last_modified"].timestamp()) * 10**9
        self.headers: Mapping[str, str] = {str(name): str(value) for name, value in found.attributes.items()}
        self._found = found

    def read(self) -> bytes:
        """All of it."""
        return bytes(self._found.bytes())

    def parts(self) -> Iterator[bytes]:
        """The same, as it comes."""
        for part in self._found.stream(min_chunk_size=_PART_BYTES):
            yield bytes(part)


def _source_stamp(meta: ObjectMeta) -> str:
    """With the time: headers may change where the content, and with it the ETag, does not."""
    return f"{meta['e_tag'] or meta['size']} {meta['last_modified'].timestamp():.0f}"


@contextmanager
def _told() -> Iterator[None]:
    """A store's failure as that of one file."""
    try:
        yield
    except (FileNotFoundError, NotFoundError) as failure:
        raise FileNotFoundError(None, "it is not there any more") from failure
    except BaseError as failure:
        raise OSError(None, first_line(failure)) from failure
    except ValueError as failure:  # a key that the library cannot send
        raise OSError(None, first_line(failure)) from failure


@contextmanager
def _refused(name: str) -> Iterator[None]:
    """A store's failure as that of the whole place."""
    try:
        yield
    except (BaseError, FileNotFoundError, ValueError) as failure:
        raise SetupError(f"{name} cannot be listed: {first_line(failure)}") from failure
