"""From an operation and its arguments to a request, ready to be sent."""

from __future__ import annotations

import json
import keyword
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, Generic, TypeVar
from urllib.parse import quote, urlencode

T = TypeVar("T")


@dataclass(frozen=True)
class Operation(Generic[T]):
    """One operation of the interface, with the type `T` of its answer."""

    name: str
    method: str
    path: str
    permission: str
    answer_keys: frozenset[str]
    """Fields that every answer has."""
    query: frozenset[str] = frozenset()
    """Arguments that stand in the query."""
    idempotent: bool = False
    """Whether the same request twice leaves the same state as once."""
    has_body: bool = False
    takes_key: bool = False
    """Whether the request can carry an idempotency key."""

    @property
    def attribute(self) -> str:
        """The name of its method: that of a keyword has an underscore behind it."""
        return f"{self.name}_" if keyword.iskeyword(self.name) else self.name


class Repeat(Enum):
    """When a request may be sent again."""

    NEVER = "never"
    """Twice may do more than once, or hide what the first one did."""
    IF_REFUSED = "if_refused"
    """After a problem that says that the same request may succeed later."""
    IF_LOST = "if_lost"
    """Also when no answer came: the server knows the request again, and gives the first answer."""


@dataclass(frozen=True)
class Call(Generic[T]):
    """A request of an operation."""

    operation: Operation[T]
    path: str
    """Percent-encoded, with its query."""
    body: bytes | None
    repeat: Repeat


SAFE_WRITES = frozenset({"associate", "consolidate", "import", "revoke_key"})
"""Operations that change something, and whose repetition changes nothing more."""


def prepare(operation: Operation[T], arguments: Mapping[str, Any]) -> Call[T]:
    """The request for these arguments; those that are `None` are left out.

    Raises:
        ValueError: An argument cannot be sent.
    """
    request = {name: value for name, value in arguments.items() if value is not None}
    path = operation.path
    for part in path.split("/"):
        if part.startswith("{"):
            path = path.replace(part, _segment(part[1:-1], request.pop(part[1:-1])))
    query = {name: _plain(request.pop(name)) for name in operation.query if name in request}
    if query:
        path += "?" + urlencode(sorted(query.items()), quote_via=quote)
    repeat = _repeat(operation, request)
    body = _json(request) if operation.has_body else None
    return Call(operation, path, body, repeat)


def _repeat(operation: Operation[Any], request: dict[str, Any]) -> Repeat:
    """When the request may be sent again; gives it an idempotency key where it needs one for that."""
    if operation.takes_key:
        if "idempotency_key" not in request:
            if _names_all(operation.name, request):
                return Repeat.IF_REFUSED
            request["idempotency_key"] = secrets.token_hex(16)
        return Repeat.IF_LOST
    if operation.name == "forget":
        # A repeated forgetting would find nothing and lose its receipt.
        return Repeat.IF_REFUSED if request.get("dry_run") is True else Repeat.NEVER
    # A few reads need another permission than to read, and are told by their method.
    reads = operation.method == "GET" or (operation.permission == "read" and operation.idempotent)
    return Repeat.IF_REFUSED if reads or operation.name in SAFE_WRITES else Repeat.NEVER


def _names_all(operation: str, request: dict[str, Any]) -> bool:
    """Whether the caller named all memories that the request stores."""
    if operation == "remember":
        return "id" in request
    if operation == "remember_many":
        return all("id" in memory for memory in request["memories"])
    return False


def _segment(name: str, value: object) -> str:
    text = str(value)
    if text in ("", ".", ".."):
        # Such a segment would be taken out on the way, and the request would be one for something else.
        raise ValueError(f"{name} must not be {text!r}")
    return quote(text, safe="")


def _plain(value: Any) -> str:
    if isinstance(value, str):
        return value
    return _time(value) if isinstance(value, datetime) else json.dumps(value)


def _json(request: dict[str, Any]) -> bytes:
    return json.dumps(request, default=_known, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _known(value: object) -> object:
    """What the types of requests allow beyond what `json` knows."""
    if isinstance(value, datetime):
        return _time(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray, memoryview)):
        return list(value)
    raise ValueError(f"a value of type {type(value).__name__} is not JSON")


def _time(value: datetime) -> str:
    if value.tzinfo is None:
        raise ValueError("a time needs a time zone: datetime(..., tzinfo=timezone.utc)")
    return value.isoformat()
