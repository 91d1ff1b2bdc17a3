"""Plays scripts with blocking calls."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Any, Generic, TypeVar, cast

import httpx

from . import _http
from ._call import Call, Operation
from ._events import Event
from ._options import Options
from ._pages import Pager
from ._script import Open, Play, Read, Script, Tell, Wait, exchange, follow, listen

T = TypeVar("T")
R = TypeVar("R")


class EventStream(Generic[T, R]):
    """What a server tells while it is at work: iterate over it, then read `result`.

    Use it in a `with` block, or close it, where it may not be read to its end.
    """

    def __init__(self, http: httpx.Client, script: Script[R]) -> None:
        self._http = http
        self._play = Play(script)
        self._response: httpx.Response | None = None
        self._pieces: Iterator[bytes] = iter(())

    @property
    def result(self) -> R:
        """What all came to.

        Raises:
            RuntimeError: The stream was not read to its end.
        """
        return self._play.result

    def finish(self, told: Callable[[T], object] | None = None) -> R:
        """Reads to the end, hands over what is told, and returns the result."""
        with self:
            for what in self:
                if told is not None:
                    told(what)
        return self.result

    def close(self) -> None:
        """Closes the connection. The server ends with the step that runs."""
        self._play.stop()
        self._close_response()

    def __iter__(self) -> EventStream[T, R]:
        return self

    def __next__(self) -> T:
        try:
            while (effect := self._play.next()) is not None:
                if isinstance(effect, Tell):
                    return cast(T, effect.what)
                try:
                    self._play.succeeded(self._carry_out(effect))
                except _http.FAILURES as error:
                    self._play.failed(_http.broken(error))
        except BaseException:
            self._close_response()
            raise
        self._close_response()
        raise StopIteration

    def __enter__(self) -> EventStream[T, R]:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _carry_out(self, effect: Open | Read | Wait) -> object:
        match effect:
            case Open():
                request = _http.request(self._http, effect)
                response = self._http.send(request, stream=True, follow_redirects=False)
                self._response, self._pieces = response, response.iter_bytes()
                return _http.head(response)
            case Read():
                return next(self._pieces, None)
            case Wait():
                self._close_response()
                time.sleep(effect.seconds)
                return None

    def _close_response(self) -> None:
        if self._response is not None:
            self._response.close()
            self._response = None


class Caller:
    """How operations are carried out, whatever they are about."""

    _http: httpx.Client
    _options: Options

    def _prepare(self, operation: Operation[T], arguments: Mapping[str, Any]) -> Call[T]:
        raise NotImplementedError

    def _run(self, operation: Operation[T], arguments: Mapping[str, Any]) -> T:
        return self._finish(exchange(self._prepare(operation, arguments), self._options))

    def _run_told(
        self,
        operation: Operation[T],
        arguments: Mapping[str, Any],
        on_step: Callable[[T], object] | None,
    ) -> T:
        if on_step is None:
            return self._run(operation, arguments)
        return self._follow(operation, arguments).finish(on_step)

    def _follow(self, operation: Operation[T], arguments: Mapping[str, Any]) -> EventStream[T, T]:
        call = self._prepare(operation, arguments)
        return EventStream(self._http, follow(call, self._options))

    def _listen(self, operation: Operation[Any], arguments: Mapping[str, Any]) -> EventStream[Event, None]:
        call = self._prepare(operation, arguments)
        return EventStream(self._http, listen(call, self._options))

    def _pages(self, operation: Operation[Any], arguments: Mapping[str, Any], items: str) -> Iterator[Any]:
        pager = Pager(arguments, items)
        while pager.more:
            yield from pager.take(self._run(operation, pager.arguments))

    def _finish(self, script: Script[R]) -> R:
        return EventStream[Any, R](self._http, script).finish()
