"""Both clients behind one face, so that each test is written once and runs on both."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any, Protocol

import httpx

from engram_client import AsyncClient, Client

Answer = Callable[[httpx.Request], httpx.Response]


class Flavour(Protocol):
    """A client, sync or async, as blocking calls."""

    def client(self, url: str, **options: Any) -> Any:
        """A client of a real server."""
        ...

    def scripted(self, answer: Answer, **options: Any) -> Any:
        """A client whose requests this function answers."""
        ...

    def done(self, value: Any) -> Any:
        """What a call comes to."""
        ...

    def all(self, values: Any) -> list[Any]:
        """What an iterator gives."""
        ...

    def stop(self, closable: Any) -> None:
        """Closes a client or a stream."""
        ...

    def close(self) -> None:
        """Closes what is open."""
        ...


URL = "http://engram.test"


class _Sync:
    def client(self, url: str, **options: Any) -> Any:
        return Client(url, **options)

    def scripted(self, answer: Answer, **options: Any) -> Any:
        http = httpx.Client(transport=httpx.MockTransport(answer))
        return Client(options.pop("base_url", URL), http_client=http, **options)

    def done(self, value: Any) -> Any:
        return value

    def all(self, values: Any) -> list[Any]:
        return list(values)

    def stop(self, closable: Any) -> None:
        closable.close()

    def close(self) -> None:
        pass


class _Async:
    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()

    def client(self, url: str, **options: Any) -> Any:
        return AsyncClient(url, **options)

    def scripted(self, answer: Answer, **options: Any) -> Any:
        http = httpx.AsyncClient(transport=httpx.MockTransport(answer))
        return AsyncClient(options.pop("base_url", URL), http_client=http, **options)

    def done(self, value: Any) -> Any:
        assert inspect.isawaitable(value), f"{value!r} cannot be awaited"

        async def wait() -> Any:
            return await value

        return self._loop.run_until_complete(wait())

    def all(self, values: Any) -> list[Any]:
        async def collect() -> list[Any]:
            return [value async for value in values]

        return self._loop.run_until_complete(collect())

    def stop(self, closable: Any) -> None:
        self._loop.run_until_complete(closable.aclose())

    def close(self) -> None:
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()


def make_flavour(name: str) -> Flavour:
    """The flavour of that name."""
    return _Sync() if name == "sync" else _Async()
