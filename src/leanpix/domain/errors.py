"""Every error that leanpix raises on purpose, by whose fault it is.

    LeanpixError
    |-- CallerError              the request is wrong by itself
    |   |-- InvalidParameterError    one parameter: its name, its value, what is allowed
    |   |-- SourceCountError         no source, or more than one
    |   |-- KeyReusedError           an Idempotency-Key that came with another request before
    |   |-- BodyError                the body cannot be read as any form the service takes
    |   |-- UploadTooLargeError      the file part is over the limit
    |   |-- UnlimitedKeyError        credits for a key that needs none
    |   `-- NotFoundError            no such task, or not this key's, or expired
    |-- AccessError              the caller may not
    |   |-- KeyRefusedError          missing, unknown or revoked key
    |   |-- CreditsExhaustedError    nothing left on the key
    |   `-- AdminOnlyError           a key that may not administer keys
    |-- CapacityError            not now: carries retry_after_s
    |   |-- RateLimitedError         the key's rate
    |   |-- QueueFullError           the key's or everybody's share of the queue
    |   |-- InFlightError            the key's or everybody's share of bytes that are being sent
    |   |-- RequestsError            the key's share of the requests under way
    |   |-- ReadersError             too many read results at the same time
    |   |-- StorageFullError         too little room on the disk
    |   `-- StoreUnavailableError    the database or the file store does not take anything now
    |       |-- OutcomeUnknownError      it was told to keep something, and may have
    |       |-- SourceGoneError          a task's source is not where it was kept
    |       `-- StoreRefusedError        it answers, and will not do better by itself
    |-- SetupError               the service cannot run as it is set up
    |   |-- NotYetError              it may in a while: its database does not answer so far
    |   |-- ChildStartError          the processes that decode cannot be started
    |   `-- SandboxMissingError      a sandbox layer that is required cannot be put on
    `-- TaskFailure              a task ended without a result: carries its state

Texts are safe to show: they hold no secret, no path and no address of the inside.
"""

from __future__ import annotations

from leanpix.domain.states import TaskState


class LeanpixError(Exception):
    """The root of the tree; `code` is stable and for programs, str() is for people."""

    code = "error"


class CallerError(LeanpixError):
    """The request is wrong by itself; sending it again cannot help."""

    code = "bad_request"


class InvalidParameterError(CallerError):
    """A parameter's value, or its combination with another, is not allowed."""

    code = "invalid_parameter"

    def __init__(self, name: str, value: object, allowed: str) -> None:
        self.name, self.value, self.allowed = name, value, allowed
        super().__init__(f"{name}={shown(value)} is not allowed: {allowed}")


class SourceCountError(CallerError):
    """A request needs exactly one source."""

    code = "source_count"


class KeyReusedError(CallerError):
    """An Idempotency-Key that was sent with another request before."""

    code = "idempotency_key_reused"


class BodyError(CallerError):
    """The body is not readable as multipart, urlencoded or JSON."""

    code = "unreadable_body"


class UploadTooLargeError(CallerError):
    """The uploaded file is over the limit."""

    code = "upload_too_large"


class UnlimitedKeyError(CallerError):
    """The key's credits are not limited, so that none can be added."""

    code = "unlimited_key"


class NotFoundError(CallerError):
    """Unknown, expired or another key's: one answer for all, so that nothing can be learnt from it."""

    code = "not_found"


class AccessError(LeanpixError):
    """The caller may not do this."""

    code = "unauthorized"


class KeyRefusedError(AccessError):
    """The key is missing, unknown or revoked."""

    code = "key_refused"


class CreditsExhaustedError(AccessError):
    """The key has no credits left."""

    code = "no_credits"


class AdminOnlyError(AccessError):
    """The key may not administer keys."""

    code = "admin_only"


class CapacityError(LeanpixError):
    """Not now; the same request may succeed after retry_after_s seconds."""

    code = "busy"

    def __init__(self, text: str, retry_after_s: float = 1.0) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(text)


class RateLimitedError(CapacityError):
    """The key's rate is used up."""

    code = "rate_limited"


class QueueFullError(CapacityError):
    """The queue has no room for this key, or for anybody."""

    code = "queue_full"


class InFlightError(CapacityError):
    """More is being sent at the same time than is held for this key, or for everybody."""

    code = "bytes_in_flight"


class RequestsError(CapacityError):
    """More requests of this key are under way than leave connections to others."""

    code = "requests_under_way"


class ReadersError(CapacityError):
    """Too many read results, or this result, at the same time."""

    code = "readers"


class StorageFullError(CapacityError):
    """There is too little room on the disk to keep what would be accepted."""

    code = "storage_full"


class StoreUnavailableError(CapacityError):
    """The database or the file store cannot be read or written at present: full, locked, or away."""

    code = "store_unavailable"

    def __init__(self) -> None:
        super().__init__("HTTP 429: the server cannot store anything at present; try again later", 10.0)


class OutcomeUnknownError(StoreUnavailableError):
    """The database was lost while it kept a transaction: all of it has been kept, or none, or it will be any moment."""


class SourceGoneError(StoreUnavailableError):
    """The source of a task that was accepted is not in the store, as this node sees it."""


class StoreRefusedError(StoreUnavailableError):
    """The store answers, and not as this node needs it: no such bucket, keys that it does not take, its certificate.

    why: for the operator; callers are told what they are told of a store that is away.
    """

    def __init__(self, why: str) -> None:
        super().__init__()
        self.why = why


class SetupError(LeanpixError):
    """The service cannot run as it is set up; the text is for its operator."""

    code = "setup"


class NotYetError(SetupError):
    """The database cannot be used at present, and nothing says that it will not be."""


class ChildStartError(SetupError):
    """The processes that decode cannot be started."""

    code = "child_start"


class SandboxMissingError(SetupError):
    """A sandbox layer that is required cannot be put on here."""

    code = "sandbox_missing"


class TaskFailure(LeanpixError):  # noqa: N818 - an outcome that is recorded, not a fault of the program
    """A task ended without a result, in the given negative state."""

    code = "task_failed"
    reason: str | None = None
    """A code for logs that says more than a caller may be told."""

    def __init__(self, state: TaskState, text: str | None = None) -> None:
        self.state = state
        super().__init__(text or state.text)


_SHOWN_CHARACTERS = 64


def shown(value: object) -> str:
    """A caller's value as an error text may repeat it: printable and short."""
    text = "".join(c if c.isprintable() else "?" for c in str(value))
    return repr(text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "...")
