"""Server-sent events (HTML Living Standard, 9.2), read from bytes that arrive in pieces of any size."""

from __future__ import annotations

import re
from dataclasses import dataclass

LINE_BYTES_MAX = 64 << 20
"""Longest line that is read: a server that never ends one must not fill the memory."""

_LINE_END = re.compile(rb"\r\n|\r|\n")


@dataclass(frozen=True)
class Event:
    """One event of a stream."""

    name: str
    """What it is: `progress`, `done` and `problem` in a stream of steps."""
    data: str
    """What it says, JSON as a rule."""
    id: str | None = None
    """The last id that the stream named, from which it can be resumed."""


class EventParser:
    """Turns bytes into events. Comments, which keep a connection alive, and torn ends are no events."""

    def __init__(self) -> None:
        self._tail: list[bytes] = []
        self._tail_bytes = 0
        self._after_cr = False
        self._first = True
        self._name = ""
        self._data: list[str] = []
        self._id: str | None = None

    def feed(self, piece: bytes) -> list[Event]:
        """The events that these bytes complete.

        Raises:
            ValueError: What came is no text, or has no end.
        """
        events = []
        for line in self._lines(piece):
            event = self._line(line)
            if event is not None:
                events.append(event)
        return events

    def _lines(self, piece: bytes) -> list[bytes]:
        if self._after_cr and piece.startswith(b"\n"):
            piece = piece[1:]  # The second half of a line end that was torn between two pieces.
            self._after_cr = False
        if not piece:
            return []
        self._after_cr = piece.endswith(b"\r")
        *ended, rest = _LINE_END.split(piece)
        if ended:
            ended[0] = b"".join([*self._tail, ended[0]])
            self._tail, self._tail_bytes = [], 0
        self._tail.append(rest)
        self._tail_bytes += len(rest)
        if self._tail_bytes > LINE_BYTES_MAX:
            raise ValueError("a line of the stream is too long")
        return ended

    def _line(self, line: bytes) -> Event | None:
        text = line.decode("utf-8")
        if self._first:
            text = text.removeprefix("\ufeff")
            self._first = False
        if not text:
            return self._dispatch()
        field, _, value = text.partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            self._name = value
        elif field == "data":
            self._data.append(value)
        elif field == "id" and "\0" not in value:
            self._id = value
        return None

    def _dispatch(self) -> Event | None:
        name, data = self._name, self._data
        self._name, self._data = "", []
        if not data:
            return None
        return Event(name or "message", "\n".join(data), self._id)
