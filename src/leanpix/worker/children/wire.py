"""What passes between the pool, its zygote and the children.

Down to the zygote: one datagram a child with three descriptors. Down to the child: one a job, with a Request (pickled:
it comes from the parent, over a socket only the parent holds), the file for the result and the open source. Up: small
binary records from the zygote, JSON from the child. Nothing from a child is ever unpickled, and nothing of it is
believed before it is checked.
"""

from __future__ import annotations

import pickle
import struct
from dataclasses import dataclass
from functools import lru_cache

from leanpix.domain.request import CompressionOptions
from leanpix.worker.sandbox.locking import Confinement

MAX_REQUEST_BYTES = 64 * 1024
MAX_ANSWER_BYTES = 64 * 1024
READY = b"ready"
FORK = b"f"  # to the zygote: a child for these descriptors
GO = b"g"  # to a child: the memory that it asked for is free

# A child's descriptors, in the order they are sent to the zygote: what it is given its jobs and answers on, where its
# last words go, and what the zygote reports its start and end on.
ANSWERS, LAST_WORDS, STATUS = range(3)
# A job's descriptors, in the order they are sent to the child: a memory file for the result, and the source.
RESULT, SOURCE = range(2)

# Exit codes of a child that could say no more.
EXIT_DONE, EXIT_CRASHED, EXIT_NO_RESOURCES, EXIT_NOT_LOCKED = 0, 1, 12, 13

_REMEMBERED = 32  # requests, which are values: packed and unpacked once each

_PID = struct.Struct("<i")
_EXIT = struct.Struct("<id")
_STARTED, _ENDED, _NOT_FORKED = b"S", b"E", b"N"


@dataclass(frozen=True, slots=True)
class Grant:
    """What a job may take without asking; a child that needs more of any asks first.

    memory_bytes: resident. address_bytes: of its whole process. cpu_s: of a processor. longest_px: the longest side of
    source and result.
    """

    memory_bytes: int
    address_bytes: int
    cpu_s: int
    longest_px: int


@dataclass(frozen=True, slots=True)
class Request:
    """One job. options None: only lock, and answer with the state of each layer.

    confinement: put on with a child's first job. is_last: whether the child ends with this job. in_background: whether
    the child gives way to others on the processors from its first job on. granted: None where it has to ask in any
    case.
    """

    options: CompressionOptions | None
    confinement: Confinement
    is_last: bool = True
    in_background: bool = False
    granted: Grant | None = None


@dataclass(frozen=True, slots=True)
class Started:
    """The child runs; its pidfd comes along."""

    pid: int


@dataclass(frozen=True, slots=True)
class NotForked:
    """There was no memory or no process for a child."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The child is gone: its exit code, or minus the signal that killed it, and the processor seconds it took."""

    exit_code: int
    cpu_s: float


@lru_cache(maxsize=_REMEMBERED)
def pack_request(request: Request) -> bytes:
    """The request as a child reads it. A tenant mostly asks for the same again."""
    return pickle.dumps(request, protocol=pickle.HIGHEST_PROTOCOL)


@lru_cache(maxsize=_REMEMBERED)
def unpack_request(payload: bytes) -> Request:
    """The child's side of pack_request."""
    request = pickle.loads(payload)  # noqa: S301 - only the parent can write to this socket
    if not isinstance(request, Request):
        raise TypeError(f"{type(request).__name__} is no request")
    return request


def pack_status(status: Started | NotForked | Ended) -> bytes:
    """The zygote's record."""
    match status:
        case Started(pid):
            return _STARTED + _PID.pack(pid)
        case NotForked():
            return _NOT_FORKED
        case Ended(exit_code, cpu_s):
            return _ENDED + _EXIT.pack(exit_code, cpu_s)


def unpack_status(record: bytes) -> Started | NotForked | Ended | None:
    """The parent's side of pack_status; None for the end of the zygote."""
    if record[:1] == _STARTED:
        return Started(*_PID.unpack(record[1:]))
    if record == _NOT_FORKED:
        return NotForked()
    if record[:1] == _ENDED:
        return Ended(*_EXIT.unpack(record[1:]))
    return None
