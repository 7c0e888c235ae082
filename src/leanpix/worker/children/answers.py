"""What a child may say, checked: a child that was taken over can only fail its own job."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from leanpix.domain.report import Report
from leanpix.domain.states import TaskState

_MAX_TEXT = 300
_MOST_PHASES = 100
# States that a child may end its own job with; the others are not its to judge.
_CHILD_STATES = frozenset(
    {
        TaskState.FAILED,
        TaskState.INVALID_IMAGE,
        TaskState.TIMED_OUT,
        TaskState.PROGRAM_FAILED,
        TaskState.EMPTY_RESULT,
        TaskState.NOT_MEETING_REQUIREMENTS,
        TaskState.NO_RESOURCES,
    }
)
_SET = b"PK\x03\x04"
"""A set is a ZIP, whatever its pictures are in."""

_STRICT = ConfigDict(extra="forbid", allow_inf_nan=False, frozen=True)


class Phase(BaseModel):
    """The job has come to a phase, at so many monotonic seconds; None: now."""

    model_config = _STRICT
    phase: str = Field(pattern=r"^[a-z0-9_ .-]{1,40}$")
    at_s: float | None = Field(default=None, ge=0)


class MemoryRequest(BaseModel):
    """The job has read its picture's header and waits until it may take so many bytes of memory.

    address_bytes, cpu_s: of address space in all and of processor time for this picture; it is held to them.
    longest_px: the longest side of source and result, by which it is charged.
    """

    model_config = _STRICT
    needs: int = Field(ge=0)
    address_bytes: int | None = Field(default=None, ge=1)
    cpu_s: int | None = Field(default=None, ge=1, le=1_000_000)
    longest_px: int = Field(default=0, ge=0)


class Failed(BaseModel):
    """The job ended without a result. phases: those that were not told before."""

    model_config = _STRICT
    state: int
    text: str = Field(max_length=4096)
    phases: tuple[Phase, ...] = Field(default=(), max_length=_MOST_PHASES)


class Done(BaseModel):
    """The result is complete. phases: those that were not told before."""

    model_config = _STRICT
    report: Report
    phases: tuple[Phase, ...] = Field(default=(), max_length=_MOST_PHASES)


class Locked(BaseModel):
    """The state of each sandbox layer."""

    model_config = _STRICT
    layers: dict[str, str]


Answer = Done | Failed | Phase | MemoryRequest | Locked
# No two models accept the same fields, so the order in which they are tried does not matter.
_ANSWER: TypeAdapter[Answer] = TypeAdapter(Annotated[Answer, Field(union_mode="left_to_right")])


def read_answer(payload: bytes) -> Answer | None:
    """The answer, or None for anything that is none."""
    try:
        return _ANSWER.validate_json(payload)
    except ValidationError:
        return None


def failure_state(failed: Failed) -> TaskState | None:
    """The state a child may have named, else None."""
    return next((state for state in _CHILD_STATES if state == failed.state), None)


def shown_text(failed: Failed) -> str:
    """The child's text as a caller may be shown it: printable, short."""
    return "".join(c if c.isprintable() else " " for c in failed.text[:_MAX_TEXT])


def is_as_reported(data: bytes | memoryview, report: Report) -> bool:
    """Whether a result is what its report says it is: of that size, in that format."""
    matches = data[: len(_SET)] == _SET if report.images else report.format.begins(data)
    return matches and report.result_bytes == len(data)
