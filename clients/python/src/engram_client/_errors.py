"""What a call can end with instead of its answer.

The classes of the server's problems say what the caller must do, not what went wrong: that is in `code`.
"""

from __future__ import annotations

from .models import Problem


class EngramError(Exception):
    """Base of all errors of a call. Wrong arguments and options are a `ValueError` instead."""


class ApiError(EngramError):
    """The server refused or failed. `fix` says what to do, and the class says who must do it.

    An instance of this class itself has a `kind` that this version of the package does not know.
    """

    problem: Problem
    """The problem document (RFC 9457) as it came."""
    type: str
    """`urn:engram:error:` and the code."""
    title: str
    """What happened, the same for every problem of a code."""
    status: int
    """HTTP status."""
    detail: str
    """What happened in this case."""
    code: str
    """Name in the catalogue of errors."""
    errno: str
    """Number in the catalogue: `ERR-1001`."""
    kind: str
    """What the caller must do."""
    fix: str
    """What to do about it."""
    example: str
    """Something that is right."""
    retryable: bool
    """Whether sending the same request again may succeed."""
    field: str | None
    """Path of the field that is wrong."""
    nearest: str | None
    """The closest name that exists."""
    retry_after_seconds: int | None
    """How long to wait before sending it again."""
    request_id: str | None
    """Id of the request, as in the header X-Request-Id and the server log."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.problem = problem
        self.type = problem["type"]
        self.title = problem["title"]
        self.status = problem["status"]
        self.detail = problem["detail"]
        self.code = problem["code"]
        self.errno = problem["errno"]
        self.kind = problem["kind"]
        self.fix = problem["fix"]
        self.example = problem["example"]
        self.retryable = problem["retryable"]
        self.field = problem.get("field")
        self.nearest = problem.get("nearest")
        self.retry_after_seconds = problem.get("retry_after_seconds")
        self.request_id = problem.get("request_id")

    def __str__(self) -> str:
        return f"{self.code} ({self.errno}): {self.detail}. {self.fix}"


class FixRequestError(ApiError):
    """The same request fails again: change it."""


class NotFoundError(ApiError):
    """What was named is not there."""


class ConflictError(ApiError):
    """The state of the store contradicts the request."""


class RetryLaterError(ApiError):
    """The same request may succeed later."""


class GiveUpError(ApiError):
    """Nothing helps with this program."""


class CallOperatorError(ApiError):
    """Somebody must repair the server or its configuration."""


class TransportError(EngramError):
    """No answer came: no connection, a broken one, or a time-out. A write may or may not have been stored."""

    url: str
    """What was called."""
    message: str
    """Why there is no answer."""
    timed_out: bool
    """Whether the server was silent for longer than the options allow."""

    def __init__(self, url: str, message: str, timed_out: bool = False) -> None:
        super().__init__(url, message, timed_out)
        self.url = url
        self.message = message
        self.timed_out = timed_out

    def __str__(self) -> str:
        return f"no answer from {self.url}: {self.message}"


class DecodeError(EngramError):
    """An answer came that is not one of Engram's."""

    url: str
    """What was called."""
    status: int
    """HTTP status of the answer."""
    message: str
    """What is wrong with the answer."""

    def __init__(self, url: str, status: int, message: str) -> None:
        super().__init__(url, status, message)
        self.url = url
        self.status = status
        self.message = message

    def __str__(self) -> str:
        about = f"{self.url} answered with status {self.status}"
        return f"{about}, but not as Engram does: {self.message}"


BY_KIND: dict[str, type[ApiError]] = {
    "fix_request": FixRequestError,
    "not_found": NotFoundError,
    "conflict": ConflictError,
    "retry_later": RetryLaterError,
    "give_up": GiveUpError,
    "call_operator": CallOperatorError,
}


def api_error(problem: Problem) -> ApiError:
    """The error of the class that the problem's kind asks for."""
    return BY_KIND.get(problem["kind"], ApiError)(problem)
