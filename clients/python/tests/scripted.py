"""Answers from a script, and what was asked."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any, TypeAlias

import httpx
from contract import SECOND_ROUTE
from generate import OPENAPI

Scripted: TypeAlias = "httpx.Response | Exception"

DOCUMENT: dict[str, Any] = json.loads(OPENAPI.read_text(encoding="utf-8"))
EXAMPLES: dict[str, Any] = {
    route["operationId"]: answer["content"]["application/json"]["example"]
    for routes in DOCUMENT["paths"].values()
    for route in routes.values()
    for status, answer in route["responses"].items()
    if status[0] == "2" and not route["operationId"].endswith(SECOND_ROUTE)
}


class Script:
    """Gives one answer after the other, and keeps the requests."""

    def __init__(self, *answers: Scripted) -> None:
        self._answers = list(answers)
        self.seen: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(request)
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def lines(self) -> list[str]:
        """Method and path of each request."""
        return [f"{request.method} {request.url.raw_path.decode()}" for request in self.seen]

    @property
    def bodies(self) -> list[Any]:
        """The body of each request."""
        return [json.loads(request.content) for request in self.seen]


def good(operation: str) -> httpx.Response:
    """The answer that stands in the contract as an example."""
    return httpx.Response(200, json=EXAMPLES[operation])


def problem(code: str = "overloaded", status: int = 503, **fields: Any) -> dict[str, Any]:
    """The document of a problem."""
    retryable = status == 503
    kind = "retry_later" if retryable else "fix_request"
    document = {"type": f"urn:engram:error:{code}", "title": "scripted", "status": status, "detail": "it is so"}
    document |= {"code": code, "errno": "ERR-4001", "kind": kind, "fix": "Do something.", "example": "{}"}
    return {**document, "retryable": retryable, **fields}


def bad(code: str = "overloaded", status: int = 503, **fields: Any) -> httpx.Response:
    """An answer with a problem."""
    headers = {"content-type": "application/problem+json"}
    return httpx.Response(status, headers=headers, content=json.dumps(problem(code, status, **fields)))


class Pieces(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body that comes in pieces, and may break."""

    def __init__(self, *pieces: bytes | Exception) -> None:
        self._pieces = pieces
        self.taken = 0
        self.closed = False

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            self.taken += 1
            if isinstance(piece, Exception):
                raise piece
            yield piece

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self:
            yield piece

    def close(self) -> None:
        self.closed = True

    async def aclose(self) -> None:
        self.closed = True


def stream(*pieces: bytes | Exception, content_type: str = "text/event-stream") -> httpx.Response:
    """An answer that comes in pieces."""
    return httpx.Response(200, headers={"content-type": content_type}, stream=Pieces(*pieces))


def event(name: str, data: Any) -> bytes:
    """An event as bytes."""
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()
