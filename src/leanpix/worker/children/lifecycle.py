"""The life of one job in a child, as its parent sees it: what a child may do next, and what is misbehaviour.

A job is given; the child speaks (phases), may ask once for the memory of its picture where it was not granted enough
with the job, and answers with a result or a failure. Whatever it says that its state does not allow ends the job as
misbehaviour: a child that was taken over can fail its own job and nothing else. A child whose end of the socket closes
has nothing more to say: it is dying, and its exit code tells why.

        GIVEN --phase--> SPOKEN --memory--> ADMITTED --answer--> ANSWERED
          |                |                   |
          +----------------+---- hung up ------+-------> DYING
"""

from __future__ import annotations

from enum import StrEnum


class JobState(StrEnum):
    """How far a job has come."""

    GIVEN = "given"
    SPOKEN = "spoken"
    ADMITTED = "admitted"
    ANSWERED = "answered"
    DYING = "dying"


class JobEvent(StrEnum):
    """What a child does."""

    PHASE = "phase"
    MEMORY = "memory"
    ANSWER = "answer"
    HUNG_UP = "hung up"


class Lost(StrEnum):
    """Why a job ended without saying anything of its picture, so that another child is given it."""

    ZYGOTE_DIED = "its zygote died, and it with it"
    DIED_BEFORE = "it was kept from an earlier job, and died before it said anything of this picture"
    KILLED = "somebody killed it who is neither this process nor the kernel, short of memory"


_TABLE: dict[tuple[JobState, JobEvent], JobState] = {
    (JobState.GIVEN, JobEvent.PHASE): JobState.SPOKEN,
    (JobState.GIVEN, JobEvent.MEMORY): JobState.ADMITTED,
    (JobState.GIVEN, JobEvent.ANSWER): JobState.ANSWERED,
    (JobState.GIVEN, JobEvent.HUNG_UP): JobState.DYING,
    (JobState.SPOKEN, JobEvent.PHASE): JobState.SPOKEN,
    (JobState.SPOKEN, JobEvent.MEMORY): JobState.ADMITTED,
    (JobState.SPOKEN, JobEvent.ANSWER): JobState.ANSWERED,
    (JobState.SPOKEN, JobEvent.HUNG_UP): JobState.DYING,
    (JobState.ADMITTED, JobEvent.PHASE): JobState.ADMITTED,
    (JobState.ADMITTED, JobEvent.ANSWER): JobState.ANSWERED,
    (JobState.ADMITTED, JobEvent.HUNG_UP): JobState.DYING,
}


def after(state: JobState, event: JobEvent) -> JobState | None:
    """The next state; None where a sound child does no such thing."""
    return _TABLE.get((state, event))
