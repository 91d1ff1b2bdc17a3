"""The async client."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import httpx

from . import _http
from ._async_operations import AsyncNodeOperations, AsyncSpaceOperations
from ._call import Call, Operation, prepare
from ._options import ClientCert, OldestTls, Options
from ._script import probe

T = TypeVar("T")


class AsyncClient(AsyncNodeOperations):
    """A client of one server. It opens no connection before the first call. The tasks of one event loop may share it.

    Args:
        base_url: Address of the server; a path in it is kept as a prefix.
        api_key: Sent as `Authorization: Bearer ...`.
        connect_timeout_seconds: Longest time to open a connection.
        request_timeout_seconds: Longest silence while a request goes out or an answer is due.
        retries_max: How often a request is sent again, where that is safe.
        retry_wait_seconds: Wait before the first retry where the server names none; then doubled.
        retry_wait_seconds_max: Longest wait before a retry, whatever the server names.
        answer_bytes_max: Largest answer that is read.
        ca_file: Authorities (PEM) that vouch for the server over TLS; those that browsers know when absent.
        client_cert: The client's certificate: a PEM file with its key, or a pair of files.
        oldest_tls: The oldest protocol that is spoken.
        http_client: Sends the requests; it is the caller's, and not closed with this client.

    Raises:
        ValueError: An option cannot be used.
    """

    def __init__(
        self,
        base_url: str = "http://127.0.0.1:7432",
        *,
        api_key: str | None = None,
        connect_timeout_seconds: float = 5.0,
        request_timeout_seconds: float = 120.0,
        retries_max: int = 4,
        retry_wait_seconds: float = 0.1,
        retry_wait_seconds_max: float = 5.0,
        answer_bytes_max: int = 256 << 20,
        ca_file: str | Path | None = None,
        client_cert: ClientCert | None = None,
        oldest_tls: OldestTls = "1.2",
        http_client: httpx.AsyncClient | None = None,
    ) -> None:
        self._options = Options(
            base_url=base_url,
            api_key=api_key,
            connect_timeout_seconds=connect_timeout_seconds,
            request_timeout_seconds=request_timeout_seconds,
            retries_max=retries_max,
            retry_wait_seconds=retry_wait_seconds,
            retry_wait_seconds_max=retry_wait_seconds_max,
            answer_bytes_max=answer_bytes_max,
            ca_file=ca_file,
            client_cert=client_cert,
            oldest_tls=oldest_tls,
        )
        self._owns_http = http_client is None
        if http_client is not None:
            self._options.refuse_own_tls()
        self._http = http_client or httpx.AsyncClient(**_http.client_settings(self._options))

    @property
    def base_url(self) -> str:
        """Address of the server."""
        return self._options.base_url

    def space(self, name: str) -> AsyncSpaceClient:
        """The operations of one space, which need not exist yet."""
        return AsyncSpaceClient(self, name)

    async def ready(self) -> None:
        """Asks `/readyz` once.

        Raises:
            EngramError: The server is not there, or not ready to serve.
        """
        await self._finish(probe("/readyz", self._options))

    async def aclose(self) -> None:
        """Closes the connections."""
        if self._owns_http:
            await self._http.aclose()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"AsyncClient({self.base_url!r})"

    def _prepare(self, operation: Operation[T], arguments: Mapping[str, Any]) -> Call[T]:
        return prepare(operation, arguments)


class AsyncSpaceClient(AsyncSpaceOperations):
    """The operations of one space. It shares the connections of its client."""

    def __init__(self, client: AsyncClient, name: str) -> None:
        self._client = client
        self._http = client._http
        self._options = client._options
        self._name = name

    @property
    def name(self) -> str:
        """Name of the space."""
        return self._name

    def __repr__(self) -> str:
        return f"{self._client!r}.space({self._name!r})"

    def _prepare(self, operation: Operation[T], arguments: Mapping[str, Any]) -> Call[T]:
        return prepare(operation, {**arguments, "space": self._name})
