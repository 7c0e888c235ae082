"""Why a fetch ended without bytes: the precise reason for our own logs, and the two answers callers may see."""

from __future__ import annotations

from enum import StrEnum

from leanpix.domain.errors import LeanpixError, TaskFailure
from leanpix.domain.states import TaskState


class FetchRefusal(StrEnum):
    """One code a cause. Never shown to callers: refused and unreachable have to look alike to them."""

    URL_INVALID = "url_invalid"
    URL_SCHEME = "url_scheme"
    URL_CREDENTIALS = "url_credentials"
    URL_PORT = "url_port"
    ADDRESS_FORBIDDEN = "address_forbidden"
    REDIRECT_LIMIT = "redirect_limit"
    REDIRECT_DOWNGRADE = "redirect_downgrade"
    SOURCE_UNREACHABLE = "source_unreachable"
    SOURCE_UNTRUSTED = "source_untrusted"
    SOURCE_TIMEOUT = "source_timeout"
    SOURCE_STATUS = "source_status"
    SOURCE_ENCODING = "source_encoding"
    SOURCE_INVALID = "source_invalid"
    SOURCE_TOO_LARGE = "source_too_large"


class FetchError(LeanpixError):
    """A transfer was refused or failed; the text is for logs and may name an address of the inside."""

    code = "fetch_error"

    def __init__(self, reason: FetchRefusal, detail: str) -> None:
        self.reason, self.detail = reason, detail
        super().__init__(f"{reason}: {detail}")


class FetchFailure(TaskFailure):
    """The task's end when its source could not be had: a public text, and the `reason` for logs.

    The FetchError that says more is its __cause__.
    """

    code = "fetch_failed"
    reason: FetchRefusal

    def __init__(self, reason: FetchRefusal) -> None:
        self.reason = reason
        too_large = reason is FetchRefusal.SOURCE_TOO_LARGE
        super().__init__(TaskState.SOURCE_TOO_LARGE if too_large else TaskState.DOWNLOAD_FAILED)
