"""Result links: signed, so that a result can be read without a key by whoever was given its URL."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

from leanpix.domain.formats import OutputFormat
from leanpix.domain.report import ZIP_MEDIA_TYPE, ZIP_SUFFIX, SetImage
from leanpix.domain.task import Task
from leanpix.service.ports import Clock

_TASK = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_FORMATS = "|".join(OutputFormat)
_NAME = re.compile(rf"({_TASK})-([0-9]{{1,4}})\.({_FORMATS}|{ZIP_SUFFIX})", re.ASCII)
_MEMBER = re.compile(rf"({_TASK}-[0-9]{{1,4}})-([0-9]{{1,10}})-([0-9]{{1,10}})-[0-9]{{1,4}}\.({_FORMATS})", re.ASCII)
_SIGNATURE_BYTES = 18
_OUTPUT_BYTES = 12
_OUTPUT_NAME = re.compile(r"[0-9a-f]{56}", re.ASCII)


@dataclass(frozen=True, slots=True)
class SignedUrls:
    """Signs and checks the paths of results.

    secret signs; key_id names the secret, so that links survive its replacement for as long as both are known.
    now gives Unix seconds. public_url is the base of this service's own links, or None where it is not fixed.
    """

    secret: bytes
    now: Clock
    public_url: str | None = None

    @property
    def key_id(self) -> str:
        """A short name of the signing secret that tells nothing of it."""
        return hashlib.sha256(b"leanpix link key id" + self.secret).hexdigest()[:8]

    def path(self, task: Task, expires_at: float) -> str:
        """The path and query that read a finished task's result until `expires_at`; ValueError without one.

        The name is long on purpose: some clients take the last 15 characters before the `?` for a file name.
        """
        if task.result is None:
            raise ValueError(f"task {task.id} has no result")
        return self._signed(f"{task.id}-{task.attempt}.{task.result.suffix}", expires_at)

    def member_path(self, task: Task, image: SetImage, expires_at: float) -> str:
        """The same of one picture of a set. Its name says where in the set's file it lies, and is signed with that."""
        place = f"{image.offset}-{image.result_bytes}-{image.width_px}"
        return self._signed(f"{task.id}-{task.attempt}-{place}.{image.format.value}", expires_at)

    def blob(self, name: str, expiry: str | None, key_id: str | None, signature: str | None) -> str | None:
        """The blob behind a link's name and parameters, or None where the link is not valid (any more)."""
        named = _NAME.fullmatch(name)
        is_valid = named is not None and self._is_valid(name, expiry, key_id, signature)
        return f"results/{named[1]}/{name}" if named is not None and is_valid else None

    def member(
        self, name: str, expiry: str | None, key_id: str | None, signature: str | None
    ) -> tuple[str, range] | None:
        """The blob of a set and where in it the picture lies that a link names; None where the link is not valid."""
        named = _MEMBER.fullmatch(name)
        if named is None or not self._is_valid(name, expiry, key_id, signature):
            return None
        begin, size_bytes = int(named[2]), int(named[3])
        blob = f"results/{named[1].rpartition('-')[0]}/{named[1]}.{ZIP_SUFFIX}"
        return blob, range(begin, begin + size_bytes)

    def blob_of(self, url: str) -> str | None:
        """The blob behind a whole URL of this service's own, or None where it is not one with a valid signature."""
        try:
            parts = urlsplit(url)
        except ValueError:
            return None
        folder, _, name = parts.path.rpartition("/")
        if not folder.endswith("/results") and folder != "/results":
            return None
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        return self.blob(name, query.get("e"), query.get("k"), query.get("s"))

    def output_name(self, task_id: str) -> str:
        """A name that reads the task's result for whoever knows it, as long as it is kept; it tells no result link."""
        return task_id.replace("-", "") + self._output_signature(task_id)

    def task_of_output(self, name: str) -> str | None:
        """The task behind such a name, or None where it is none of ours."""
        if not _OUTPUT_NAME.fullmatch(name):
            return None
        task_id = str(UUID(name[:32]))
        return task_id if hmac.compare_digest(self._output_signature(task_id), name[32:]) else None

    def _signed(self, name: str, expires_at: float) -> str:
        expiry = int(expires_at)
        return f"/results/{name}?e={expiry}&k={self.key_id}&s={self._sign(name, expiry)}"

    def _is_valid(self, name: str, expiry: str | None, key_id: str | None, signature: str | None) -> bool:
        if expiry is None or not re.fullmatch(r"[0-9]{1,12}", expiry, re.ASCII):
            return False
        genuine = hmac.compare_digest(self._sign(name, int(expiry)).encode(), (signature or "").encode())
        return genuine and key_id == self.key_id and self.now() < int(expiry)

    def _output_signature(self, task_id: str) -> str:
        return hmac.digest(self.secret, f"output\n{task_id}".encode(), hashlib.sha256)[:_OUTPUT_BYTES].hex()

    def _sign(self, name: str, expiry: int) -> str:
        digest = hmac.digest(self.secret, f"result link\n{name}\n{expiry}".encode(), hashlib.sha256)
        return base64.urlsafe_b64encode(digest[:_SIGNATURE_BYTES]).decode()


def media_type_of(name: str) -> str:
    """The media type of a result's name, by its extension."""
    suffix = name.rpartition(".")[2]
    return ZIP_MEDIA_TYPE if suffix == ZIP_SUFFIX else OutputFormat.parse(suffix).media_type
