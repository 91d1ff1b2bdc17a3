"""What happens in a call, without the doing: scripts that say what to send, to read and to wait for.

A script is a generator of effects. Whoever plays it carries each effect out and sends its outcome back, or throws
`EffectError` where there is none. The sync and the async client are two such players and hold no rule of their own.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar, cast

from ._call import Call, Operation, Repeat
from ._errors import ApiError, DecodeError, EngramError, TransportError, api_error
from ._events import Event, EventParser
from ._options import Options, Timeouts
from .models import Problem

T = TypeVar("T")
R = TypeVar("R")

EVENT_STREAM = "text/event-stream"
JSON = "application/json"
PROBLEM_JSON = "application/problem+json"
PROBLEM_KEYS = Problem.__required_keys__
SHOWN_CHARACTERS_MAX = 120


@dataclass(frozen=True)
class Open:
    """Send this request. Outcome: the `Head` of the answer."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes | None
    timeouts: Timeouts


@dataclass(frozen=True)
class Head:
    """How an answer begins."""

    status: int
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Read:
    """Read on. Outcome: the next bytes of the answer; `None` at its end."""


@dataclass(frozen=True)
class Wait:
    """Close the answer, then wait."""

    seconds: float


@dataclass(frozen=True)
class Tell(Generic[T]):
    """Hand this over to the caller, before going on."""

    what: T


Effect: TypeAlias = "Open | Read | Wait | Tell[Any]"
Script: TypeAlias = "Generator[Effect, Any, R]"


class EffectError(Exception):
    """An effect that could not be carried out."""

    def __init__(self, message: str, timed_out: bool) -> None:
        super().__init__(message)
        self.message = message
        self.timed_out = timed_out


def exchange(call: Call[T], options: Options) -> Script[T]:
    """Sends the call and returns its answer."""

    def attempt(_: _Progress) -> Script[T]:
        talk = _Talk(call, options)
        yield from talk.open(JSON, options.timeouts)
        return (yield from talk.whole_answer())

    return _repeated(call, options, attempt)


def follow(call: Call[T], options: Options) -> Script[T]:
    """Sends the call, tells what each step did, and returns what all did.

    What is refused before the first step is sent again like any other call.
    """

    def attempt(progress: _Progress) -> Script[T]:
        talk = _Talk(call, options)
        yield from talk.open(EVENT_STREAM, options.stream_timeouts)
        if not talk.is_stream:
            # A problem, or an older server, which answers when all is done.
            return (yield from talk.whole_answer())
        while event := (yield from talk.next_event()):
            if event.name == "done":
                return talk.answer(event.data)
            if event.name == "progress":
                step = talk.answer(event.data)
                progress.told = True
                yield Tell(step)
            # A later server may tell more.
        raise TransportError(talk.url, "the stream ended before the work did")

    return _repeated(call, options, attempt)


def listen(call: Call[Any], options: Options) -> Script[None]:
    """Sends the call and tells each event as it comes, until the stream ends."""

    def attempt(progress: _Progress) -> Script[None]:
        talk = _Talk(call, options)
        yield from talk.open(EVENT_STREAM, options.stream_timeouts)
        if not talk.is_stream:
            yield from talk.whole_answer()
            raise DecodeError(talk.url, talk.head.status, "it is no stream of events")
        while event := (yield from talk.next_event()):
            progress.told = True
            yield Tell(event)

    return _repeated(call, options, attempt)


def probe(path: str, options: Options) -> Script[None]:
    """Asks once for a path whose answer counts only by its status."""
    operation = Operation[None]("probe", "GET", path, "read", frozenset())
    talk = _Talk(Call(operation, path, None, Repeat.NEVER), options)
    yield from talk.open(JSON, options.timeouts)
    body = yield from talk.read_all()
    if not talk.is_good:
        raise talk.refusal(body)


@dataclass
class _Progress:
    told: bool = False


def _repeated(call: Call[Any], options: Options, attempt: Callable[[_Progress], Script[R]]) -> Script[R]:
    """Tries again where that is safe, as often as the options allow."""
    progress = _Progress()
    tries = 0
    while True:
        try:
            return (yield from attempt(progress))
        except (ApiError, TransportError) as error:
            # What the caller was told of would be told again.
            again = _may_repeat(error, call.repeat) and not progress.told
            if not again or tries >= options.retries_max:
                raise
            asked_seconds = error.retry_after_seconds if isinstance(error, ApiError) else None
        yield Wait(options.retry_wait(tries, asked_seconds))
        tries += 1


def _may_repeat(error: ApiError | TransportError, repeat: Repeat) -> bool:
    if isinstance(error, ApiError):
        return error.retryable and repeat is not Repeat.NEVER
    # After a time-out the caller has waited as long as the options say, and not to wait again.
    return repeat is Repeat.IF_LOST and not error.timed_out


class _Talk(Generic[T]):
    """One request and what comes back."""

    head: Head

    def __init__(self, call: Call[T], options: Options) -> None:
        self.url = options.base_url + call.path
        self._call = call
        self._options = options
        self._parser = EventParser()
        self._events: deque[Event] = deque()

    def open(self, accept: str, timeouts: Timeouts) -> Script[None]:
        accepts = f"{accept}, {PROBLEM_JSON}"
        headers = {**self._options.headers, "accept": accepts}
        if self._call.body is not None:
            headers["content-type"] = JSON
        method = self._call.operation.method
        self.head = yield from self._do(Open(method, self.url, headers, self._call.body, timeouts))

    def read_all(self) -> Script[bytes]:
        pieces: list[bytes] = []
        total = 0
        while (piece := (yield from self._do(Read()))) is not None:
            pieces.append(piece)
            total += len(piece)
            if total > self._options.answer_bytes_max:
                largest = f"it is larger than {self._options.answer_bytes_max} bytes"
                raise DecodeError(self.url, self.head.status, largest)
        return b"".join(pieces)

    def whole_answer(self) -> Script[T]:
        body = yield from self.read_all()
        if not self.is_good:
            raise self.refusal(body)
        return self.answer(body)

    def next_event(self) -> Script[Event | None]:
        """The next event; `None` when the stream has ended. A problem is raised."""
        while not self._events:
            piece = yield from self._do(Read())
            if piece is None:
                return None
            try:
                self._events.extend(self._parser.feed(piece))
            except ValueError as error:
                raise DecodeError(self.url, self.head.status, str(error)) from error
        event = self._events.popleft()
        if event.name == "problem":
            raise self.refusal(event.data)
        return event

    def _do(self, effect: Open | Read) -> Script[Any]:
        try:
            return (yield effect)
        except EffectError as broken:
            raise TransportError(self.url, broken.message, broken.timed_out) from broken

    @property
    def is_good(self) -> bool:
        return 200 <= self.head.status < 300

    @property
    def is_stream(self) -> bool:
        return self.is_good and self.head.headers.get("content-type", "").startswith(EVENT_STREAM)

    def answer(self, body: bytes | str) -> T:
        """The value of a good answer. Its fields are as the server sent them, known here or not."""
        value = self._object(body, "the body")
        self._need(self._call.operation.answer_keys, value, body)
        return cast(T, value)

    def refusal(self, body: bytes | str) -> EngramError:
        """The problem of a bad answer, or what is wrong with it."""
        try:
            value = self._object(body, "the problem")
            self._need(PROBLEM_KEYS, value, body)
        except DecodeError as error:
            return error
        headers = self.head.headers
        if (asked := headers.get("retry-after", "")).isdecimal():
            value.setdefault("retry_after_seconds", int(asked))
        if request_id := headers.get("x-request-id"):
            value.setdefault("request_id", request_id)
        return api_error(cast(Problem, value))

    def _object(self, body: bytes | str, what: str) -> dict[str, Any]:
        try:
            value = json.loads(body)
        except ValueError as error:
            raise self._unreadable(f"{what} is no JSON", body) from error
        if not isinstance(value, dict):
            raise self._unreadable(f"{what} is no object", body)
        return value

    def _need(self, keys: frozenset[str], value: dict[str, Any], body: bytes | str) -> None:
        missing = sorted(keys - value.keys())
        if missing:
            raise self._unreadable(f"it has no {missing[0]!r}", body)

    def _unreadable(self, message: str, body: bytes | str) -> DecodeError:
        text = body if isinstance(body, str) else body.decode("utf-8", "replace")
        shown = text[:SHOWN_CHARACTERS_MAX]
        return DecodeError(self.url, self.head.status, f"{message}; it begins {shown!r}")


class Play(Generic[R]):
    """A script that is being played: what to do next, and how that went."""

    def __init__(self, script: Script[R]) -> None:
        self._script = script
        self._outcome: Any = None
        self._failure: EffectError | None = None
        self._over = False
        self._result: list[R] = []

    def next(self) -> Effect | None:
        """What to do next; `None` at the end. Raises what the call ends with instead of its answer."""
        if self._over:
            return None
        outcome, failure = self._outcome, self._failure
        self._outcome = self._failure = None
        try:
            if failure is not None:
                return self._script.throw(failure)
            return self._script.send(outcome)
        except StopIteration as end:
            self._over = True
            self._result.append(end.value)
            return None
        except BaseException:
            self._over = True
            raise

    def succeeded(self, outcome: object) -> None:
        """The last effect was carried out."""
        self._outcome = outcome

    def failed(self, failure: EffectError) -> None:
        """The last effect could not be carried out."""
        self._failure = failure

    def stop(self) -> None:
        """Nobody wants to know the rest."""
        self._over = True
        self._script.close()

    @property
    def result(self) -> R:
        """What the script returned."""
        if not self._result:
            raise RuntimeError("the stream was not read to its end")
        return self._result[0]
