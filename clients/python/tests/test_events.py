"""Server-sent events, however they are cut."""

from __future__ import annotations

import pytest

import engram_client._events
from engram_client import Event, EventParser

SENT = (
    '\ufeffevent: progress\n: hello\ndata: {"a":1}\n\n:\n\nevent:done\r\ndata:{}\r\n\r\n'
    "id: 7\rdata: first\rdata\rdata:  third ü🚂\r\rretry: 10\nunknown: x\n\nid: a\0b\ndata: x\n\nid\ndata: y\n\n"
    'event: nothing\n\nevent: done\ndata: {"torn'
).encode()
EVENTS = [
    Event("progress", '{"a":1}'),
    Event("done", "{}"),
    Event("message", "first\n\n third ü🚂", "7"),
    Event("message", "x", "7"),
    Event("message", "y", ""),
]


def parsed(*pieces: bytes) -> list[Event]:
    parser = EventParser()
    return [event for piece in pieces for event in parser.feed(piece)]


def test_comments_and_torn_ends_are_no_events() -> None:
    assert parsed(SENT) == EVENTS


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 64])
def test_pieces_of_any_size_give_the_same(size: int) -> None:
    assert parsed(*[SENT[at : at + size] for at in range(0, len(SENT), size)]) == EVENTS


def test_every_place_to_cut_gives_the_same() -> None:
    for at in range(len(SENT) + 1):
        assert parsed(SENT[:at], b"", SENT[at:]) == EVENTS, at


def test_an_event_comes_with_its_last_byte() -> None:
    parser = EventParser()
    assert parser.feed(b"data: x\n") == []
    assert parser.feed(b"\n") == [Event("message", "x")]
    assert parser.feed(b"data: y\r\n\r") == [Event("message", "y")]
    assert parser.feed(b"\ndata: z\n\n") == [Event("message", "z")]


def test_a_line_without_an_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engram_client._events, "LINE_BYTES_MAX", 100)
    parser = EventParser()
    parser.feed(b"data: " + b"x" * 90)
    with pytest.raises(ValueError, match="too long"):
        parser.feed(b"x" * 10)


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(ValueError, match="utf-8"):
        parsed(b"data: \xff\n\n")
