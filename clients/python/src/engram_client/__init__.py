"""Client of Engram, the memory database: sync and async, typed.

`Client` and `AsyncClient` have the operations of a server; their `space(name)` has those of a space. Requests are
keyword arguments, answers are dictionaries whose types stand in `engram_client.models`.
"""

from . import models
from ._async import AsyncEventStream
from ._async_client import AsyncClient, AsyncSpaceClient
from ._client import Client, SpaceClient
from ._errors import (
    ApiError,
    CallOperatorError,
    ConflictError,
    DecodeError,
    EngramError,
    FixRequestError,
    GiveUpError,
    NotFoundError,
    RetryLaterError,
    TransportError,
)
from ._events import Event, EventParser
from ._sync import EventStream
from ._version import __version__

__all__ = [
    "ApiError",
    "AsyncClient",
    "AsyncEventStream",
    "AsyncSpaceClient",
    "CallOperatorError",
    "Client",
    "ConflictError",
    "DecodeError",
    "EngramError",
    "Event",
    "EventParser",
    "EventStream",
    "FixRequestError",
    "GiveUpError",
    "NotFoundError",
    "RetryLaterError",
    "SpaceClient",
    "TransportError",
    "__version__",
    "models",
]
