"""Every error of the client.

    ClientError
    |-- RequestRefusedError      the request is wrong by itself (400, 404, 413, ...): carries status
    |   `-- KeyRefusedError          401: no such key, or no credits left
    |-- BusyError                429 for longer than the patience
    |-- ServerFailedError        5xx, again and again
    |-- ConnectionLostError      no connection, or none that lasted, again and again
    |-- UnexpectedAnswerError    an answer that is none of the contract's
    |-- TaskFailedError          the task ended without a result: carries state
    |-- WaitedTooLongError       the task has not ended in time; it goes on: carries task_id
    `-- DamagedResultError       the result did not arrive whole, again and again

A source file that cannot be read raises the operating system's own OSError; a key or an address that can never be one,
and an option that there is not, raise ValueError and TypeError before anything is sent. No text holds the key.
"""

from __future__ import annotations


class ClientError(Exception):
    """The root of the tree."""


class RequestRefusedError(ClientError):
    """The request is wrong by itself; sending it again cannot help."""

    def __init__(self, status: int, message: str) -> None:
        self.status, self.message = status, message
        super().__init__(status, message)  # as they were given: so an error survives being pickled

    def __str__(self) -> str:
        return f"{self.status}: {self.message}"


class KeyRefusedError(RequestRefusedError):
    """The key is missing, unknown or revoked, or has no credits left."""


class BusyError(ClientError):
    """The server takes nothing more at present, or the key's rate is used up."""


class ServerFailedError(ClientError):
    """The server failed each time that it was asked."""

    def __init__(self, status: int, message: str) -> None:
        self.status, self.message = status, message
        super().__init__(status, message)

    def __str__(self) -> str:
        return f"{self.status}: {self.message}"


class ConnectionLostError(ClientError):
    """The server could not be reached, or hung up, each time."""


class UnexpectedAnswerError(ClientError):
    """An answer without what the contract says is in it."""


class TaskFailedError(ClientError):
    """The task ended without a result."""

    def __init__(self, task_id: str, state: int, message: str) -> None:
        self.task_id, self.state, self.message = task_id, state, message
        super().__init__(task_id, state, message)

    def __str__(self) -> str:
        return f"state {self.state}: {self.message}"


class WaitedTooLongError(ClientError):
    """The task has not ended in time; it goes on, and can be waited for again by its id."""

    def __init__(self, task_id: str, timeout_s: float) -> None:
        self.task_id, self.timeout_s = task_id, timeout_s
        super().__init__(task_id, timeout_s)

    def __str__(self) -> str:
        return f"task {self.task_id} has not ended within {self.timeout_s:g} s"


class DamagedResultError(ClientError):
    """The result did not arrive whole."""
