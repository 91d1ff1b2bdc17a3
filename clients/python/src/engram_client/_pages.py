"""All items of a listing, page after page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Pager:
    """Which page to ask for next. A page may be empty and yet name a next one."""

    def __init__(self, arguments: Mapping[str, Any], items: str) -> None:
        self.arguments: dict[str, Any] = dict(arguments)
        self.more = True
        self._items = items

    def take(self, page: Mapping[str, Any]) -> list[Any]:
        """The items of a page that was read."""
        cursor = page.get("next_cursor")
        self.more = cursor is not None
        self.arguments["cursor"] = cursor
        items: list[Any] = page[self._items]
        return items
