"""The modules with a method for each operation, sync and async."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from contract import Argument, Contract, OperationSpec
from types_of import Types, doc_lines, wrapped

INDENT = " " * 8

# The names of iterators over all pages, where they are not `iter_` and the operation.
ITERATORS = {"list": "iter_memories"}


# Operations whose stream tells of each step of their work, in the form of the answer, and then of all steps.
IN_STEPS = frozenset({"consolidate"})


@dataclass(frozen=True)
class Method:
    """A method to be written: it hands its arguments over to `runner`."""

    name: str
    answer: str
    runner: str
    waits: bool = False
    """Whether it is a coroutine where the client is async."""
    more_arguments: list[str] = field(default_factory=list)
    on_step: str | None = None
    """The type of a further parameter, which is called with each step."""
    note: str | None = None


class Methods:
    """How operations become methods."""

    def __init__(self, contract: Contract, is_async: bool) -> None:
        self._contract = contract
        # In a class with a method `list`, `list` is that method.
        self._types = Types(contract, "models.", "builtins.list")
        self._prefix = "Async" if is_async else ""
        self._is_async = is_async

    def module(self, header: str) -> str:
        """The text of the file."""
        body = self._class("NodeOperations", "The operations of a server.", of_space=False)
        body += self._class("SpaceOperations", "The operations of a space.", of_space=True)
        text = "\n".join(body)

        def used(*names: str) -> str:
            return ", ".join(name for name in names if re.search(rf"\b{name}\b", text))

        collections = used(f"{self._prefix}Iterator", "Callable", "Mapping", "Sequence")
        home = "_async" if self._is_async else "_sync"
        own = used(f"{self._prefix}Caller", f"{self._prefix}EventStream")
        head = [
            '"""Operations as methods.',
            "",
            header,
            '"""',
            "",
            "from __future__ import annotations",
            "",
            *(["import builtins"] if used("builtins") else []),
            *([f"from collections.abc import {collections}"] if collections else []),
            *(["from datetime import datetime"] if used("datetime") else []),
            *(["from typing import Any"] if used("Any") else []),
            "",
            "from . import _table, models",
            f"from .{home} import {own}",
            *(["from ._events import Event"] if used("Event") else []),
        ]
        return "\n".join([*head, *body, ""])

    def _class(self, name: str, doc: str, of_space: bool) -> list[str]:
        out = ["", "", f"class {self._prefix}{name}({self._prefix}Caller):", f'    """{doc}"""']
        for operation in self._contract.operations:
            if operation.of_space == of_space:
                for method in self._methods(operation):
                    out += self._lines(operation, method)
        return out

    def _methods(self, operation: OperationSpec) -> Iterator[Method]:
        name = operation.name
        stream = f"{self._prefix}EventStream"
        method = f"{name}_" if keyword.iskeyword(name) else name
        if operation.answer is None:
            # It does nothing but tell: what its events mean is for the caller to say.
            yield Method(method, f"{stream}[Event, None]", "_listen")
            return
        answer = f"models.{operation.answer}"
        if name in IN_STEPS:
            on_step = f"Callable[[{answer}], object] | None"
            yield Method(method, answer, "_run_told", waits=True, more_arguments=["on_step"], on_step=on_step)
            note = "Iterate over what each step did; then `result` is what all did."
            yield Method(f"{name}_steps", f"{stream}[{answer}, {answer}]", "_follow", note=note)
        else:
            yield Method(method, answer, "_run", waits=True)
            if operation.streams:
                yield Method(f"{name}_events", f"{stream}[Event, None]", "_listen", note="Iterate over the events.")
        items = self._contract.items_of_pages(operation)
        if items is not None:
            item = self._types.of(items.schema["items"], in_request=False)
            yield Method(
                ITERATORS.get(name, f"iter_{name}"),
                f"{self._prefix}Iterator[{item}]",
                "_pages",
                more_arguments=[f'"{items.name}"'],
                note="Iterates over all of them, page by page; `limit` is the size of a page.",
            )

    def _lines(self, operation: OperationSpec, method: Method) -> list[str]:
        names = {_python(argument): argument for argument in operation.arguments}
        signature = [f"{name}: {self._type(argument)}," for name, argument in names.items()]
        docs = [f"{name}: {argument.schema.get('description', '')}" for name, argument in names.items()]
        if method.on_step is not None:
            signature.append(f"on_step: {method.on_step} = None,")
            docs.append("on_step: Is called with what each step did, as soon as that is durable.")
        waits = self._is_async and method.waits
        define, call = ("async def", "await self.") if waits else ("def", "self.")
        body = [f'                "{argument.name}": {name},' for name, argument in names.items()]
        return [
            "",
            *_head(f"    {define} {method.name}(", signature, f") -> {method.answer}:"),
            *_doc(operation, docs, method.note),
            f"{INDENT}return {call}{method.runner}(",
            f"            _table.{operation.name.upper()},",
            *(["            {", *body, "            },"] if body else ["            {},"]),
            *(f"            {argument}," for argument in method.more_arguments),
            f"{INDENT})",
        ]

    def _type(self, argument: Argument) -> str:
        written = self._types.of(argument.schema, in_request=True)
        return written if argument.required else f"{written} | None = None"


def _head(start: str, signature: list[str], end: str) -> list[str]:
    """The head of a method, a line for each parameter where it has some."""
    if not signature:
        return [f"{start}self{end}"]
    return [start, *(f"{INDENT}{line}" for line in ["self,", "*,", *signature]), f"    {end}"]


def _python(argument: Argument) -> str:
    return argument.name + "_" if keyword.iskeyword(argument.name) else argument.name


def _doc(operation: OperationSpec, arguments: list[str], note: str | None) -> list[str]:
    paragraphs = [*operation.doc, *([note] if note else [])]
    if not arguments:
        return doc_lines(paragraphs, INDENT)
    lines = doc_lines([*paragraphs, "Args:"], INDENT)
    listed = [line for own in arguments for line in wrapped(own, INDENT + " " * 4, INDENT + " " * 8)]
    return [*lines[:-1], *listed, lines[-1]]
