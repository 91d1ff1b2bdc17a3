"""All items of a listing, page after page."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from flavours import Flavour
from scripted import EXAMPLES, Script, bad

from engram_client import FixRequestError

ITERATORS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "iter_memories": ("list", "memories", {"limit": 2}),
    "iter_history": ("history", "versions", {"id": "a"}),
    "iter_beliefs": ("beliefs", "beliefs", {}),
    "iter_associations": ("associations", "associations", {"id": "a", "direction": "out"}),
    "iter_marks": ("marks", "marks", {"state": "open"}),
    "iter_export": ("export", "records", {"state": "all"}),
}


def page(operation: str, items: str, numbers: list[int], cursor: str | None) -> httpx.Response:
    answer: dict[str, Any] = {**EXAMPLES[operation], items: [{"number": number} for number in numbers]}
    answer.pop("next_cursor", None)
    return httpx.Response(200, json=answer if cursor is None else {**answer, "next_cursor": cursor})


@pytest.mark.parametrize("name", ITERATORS)
def test_pages_follow_the_cursor_to_the_end(name: str, flavour: Flavour) -> None:
    operation, items, request = ITERATORS[name]
    # The second page is empty: a filter passed over it, and the listing goes on.
    pages = [([1, 2], "x"), ([], "y"), ([3], None)]
    script = Script(*[page(operation, items, numbers, cursor) for numbers, cursor in pages])
    found = flavour.all(getattr(flavour.scripted(script).space("s"), name)(**request))
    assert found == [{"number": 1}, {"number": 2}, {"number": 3}]
    assert script.bodies == [request, {**request, "cursor": "x"}, {**request, "cursor": "y"}]
    assert script.lines == [f"POST /api/v1/spaces/s/{operation}"] * 3


def test_a_listing_can_start_at_a_cursor(flavour: Flavour) -> None:
    script = Script(page("list", "memories", [], None))
    assert flavour.all(flavour.scripted(script).space("s").iter_memories(cursor="x")) == []
    assert script.bodies == [{"cursor": "x"}]


def test_pages_are_read_when_they_are_needed(flavour: Flavour) -> None:
    script = Script(page("list", "memories", [1], "x"))
    memories = flavour.scripted(script).space("s").iter_memories()
    assert script.seen == []
    first = next(memories) if hasattr(memories, "__next__") else flavour.done(anext(memories))
    assert first == {"number": 1}
    assert len(script.seen) == 1


def test_pages_end_at_the_first_error(flavour: Flavour) -> None:
    script = Script(page("list", "memories", [1], "x"), bad("cursor_invalid", 400))
    memories = flavour.scripted(script).space("s").iter_memories()
    with pytest.raises(FixRequestError):
        flavour.all(memories)
    assert flavour.all(memories) == []
