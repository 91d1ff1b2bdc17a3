"""Plays scripts with asyncio."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
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


class AsyncEventStream(Generic[T, R]):
    """What a server tells while it is at work: iterate over it, then read `result`.

    Use it in an `async with` block, or close it, where it may not be read to its end.
    """

    def __init__(self, http: httpx.AsyncClient, script: Script[R]) -> None:
        self._http = http
        self._play = Play(script)
        self._response: httpx.Response | None = None
        self._pieces: AsyncIterator[bytes] | None = None

    @property
    def result(self) -> R:
        """What all came to.

        Raises:
            RuntimeError: The stream was not read to its end.
        """
        return self._play.result

    async def finish(self, told: Callable[[T], object] | None = None) -> R:
        """Reads to the end, hands over what is told (and waits for it), and returns the result."""
        async with self:
            async for what in self:
                outcome = told(what) if told is not None else None
                if inspect.isawaitable(outcome):
                    await cast(Awaitable[object], outcome)
        return self.result

    async def aclose(self) -> None:
        """Closes the connection. The server ends with the step that runs."""
        self._play.stop()
        await self._close_response()

    def __aiter__(self) -> AsyncEventStream[T, R]:
        return self

    async def __anext__(self) -> T:
        try:
            while (effect := self._play.next()) is not None:
                if isinstance(effect, Tell):
                    return cast(T, effect.what)
                try:
                    self._play.succeeded(await self._carry_out(effect))
                except _http.FAILURES as error:
                    self._play.failed(_http.broken(error))
        except BaseException:
            await self._close_response()
            raise
        await self._close_response()
        raise StopAsyncIteration

    async def __aenter__(self) -> AsyncEventStream[T, R]:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def _carry_out(self, effect: Open | Read | Wait) -> object:
        match effect:
            case Open():
                request = _http.request(self._http, effect)
                response = await self._http.send(request, stream=True, follow_redirects=False)
                self._response, self._pieces = response, response.aiter_bytes()
                return _http.head(response)
            case Read():
                return await anext(self._pieces, None) if self._pieces else None
            case Wait():
                await self._close_response()
                await asyncio.sleep(effect.seconds)
                return None

    async def _close_response(self) -> None:
        if self._response is not None:
            response, self._response = self._response, None
            await response.aclose()


class AsyncCaller:
    """How operations are carried out, whatever they are about."""

    _http: httpx.AsyncClient
    _options: Options

    def _prepare(self, operation: Operation[T], arguments: Mapping[str, Any]) -> Call[T]:
        raise NotImplementedError

    async def _run(self, operation: Operation[T], arguments: Mapping[str, Any]) -> T:
        return await self._finish(exchange(self._prepare(operation, arguments), self._options))

    async def _run_told(
        self,
        operation: Operation[T],
        arguments: Mapping[str, Any],
        on_step: Callable[[T], object] | None,
    ) -> T:
        if on_step is None:
            return await self._run(operation, arguments)
        return await self._follow(operation, arguments).finish(on_step)

    def _follow(self, operation: Operation[T], arguments: Mapping[str, Any]) -> AsyncEventStream[T, T]:
        call = self._prepare(operation, arguments)
        return AsyncEventStream(self._http, follow(call, self._options))

    def _listen(self, operation: Operation[Any], arguments: Mapping[str, Any]) -> AsyncEventStream[Event, None]:
        call = self._prepare(operation, arguments)
        return AsyncEventStream(self._http, listen(call, self._options))

    async def _pages(self, operation: Operation[Any], arguments: Mapping[str, Any], items: str) -> AsyncIterator[Any]:
        pager = Pager(arguments, items)
        while pager.more:
            for item in pager.take(await self._run(operation, pager.arguments)):
                yield item

    async def _finish(self, script: Script[R]) -> R:
        return await AsyncEventStream[Any, R](self._http, script).finish()
