"""From schemas to Python types, and the module of the models."""

from __future__ import annotations

import keyword
import textwrap
from collections.abc import Iterable

from contract import Argument, Contract, ContractError, Schema

LINE_WIDTH = 100
PLAIN = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}


class Types:
    """How schemas are written as types.

    A request takes more than an answer holds: a tuple for a list, a `datetime` for a time. Lists of strings are the
    exception: a string is a sequence of strings as well, and `tags="travel"` must be found by a type checker.
    """

    def __init__(self, contract: Contract, prefix: str = "", list_name: str = "list") -> None:
        self._contract = contract
        self._prefix = prefix
        self._list = list_name

    def of(self, schema: Schema, in_request: bool) -> str:
        """The type of a value."""
        if "$ref" in schema:
            return self._prefix + self._contract.name_of(schema)
        if "oneOf" in schema:
            return self._union(self.of(one, in_request) for one in schema["oneOf"])
        if "enum" in schema:
            names = ", ".join(f'"{name}"' for name in schema["enum"])
            return f"Literal[{names}]"
        kind = schema.get("type")
        if kind is None:
            return "Any"
        if isinstance(kind, list):
            return self._union(PLAIN[one] for one in kind)
        if kind == "array":
            return self._list_of(self.of(schema["items"], in_request), in_request)
        if kind == "object":
            return self._mapping(schema, in_request)
        if schema.get("format") == "date-time" and in_request:
            return "str | datetime"
        return PLAIN[kind]

    def _union(self, types: Iterable[str]) -> str:
        each = dict.fromkeys(part for one in types for part in one.split(" | "))
        return " | ".join(each)

    def _list_of(self, items: str, in_request: bool) -> str:
        is_safe = in_request and items != "str"
        return f"Sequence[{items}]" if is_safe else f"{self._list}[{items}]"

    def _mapping(self, schema: Schema, in_request: bool) -> str:
        values = schema.get("additionalProperties", True)
        if "properties" in schema:
            raise ContractError("an object within an object needs a name of its own")
        inner = "Any" if values is True else self.of(values, in_request)
        return f"Mapping[str, {inner}]" if in_request else f"dict[str, {inner}]"


def wrapped(text: str, first_indent: str, indent: str) -> list[str]:
    """Lines of this text."""
    return textwrap.wrap(
        text.strip(),
        LINE_WIDTH,
        initial_indent=first_indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def doc_lines(paragraphs: list[str], indent: str) -> list[str]:
    """A docstring of these paragraphs."""
    quotes = '"""'
    first = wrapped(quotes + paragraphs[0].replace("\\", "\\\\"), indent, indent)
    rest = [["", *wrapped(own.replace("\\", "\\\\"), indent, indent)] for own in paragraphs[1:]]
    lines = first + [line for paragraph in rest for line in paragraph]
    if len(lines) == 1 and len(lines[0]) + len(quotes) <= LINE_WIDTH:
        return [lines[0] + quotes]
    return [*lines, indent + quotes]


def models_module(contract: Contract, header: str) -> str:
    """The module with a type for each schema."""
    out = [
        f'"""The types of requests and answers.\n\n{header}\n"""',
        "",
        "from __future__ import annotations",
        "",
        "from collections.abc import Mapping, Sequence",
        "from datetime import datetime",
        "from typing import Any, Literal, TypeAlias, TypedDict, Union, final",
    ]
    types = Types(contract)
    in_requests = contract.in_requests()
    for name, schema in contract.schemas.items():
        if "enum" in schema:
            out += ["", f"{name}: TypeAlias = {types.of(schema, True)}"]
            out += doc_of(schema)
    unions: list[str] = []
    for name, schema in contract.schemas.items():
        if "oneOf" in schema:
            unions += _union(contract, types, name, name in in_requests, out)
        elif "enum" not in schema:
            out += _object(types, name, schema, contract.fields(name), name in in_requests)
    out += unions
    used = "\n".join(out)
    for needless in ("Mapping", "Sequence", "Union", "final", "datetime", "Any", "Literal"):
        if used.count(needless) == 1:
            raise ContractError(f"the models import {needless} and do not use it")
    return used + "\n"


def doc_of(schema: Schema, indent: str = "") -> list[str]:
    """The docstring of a schema's description, where it has one."""
    return doc_lines([schema["description"]], indent) if "description" in schema else []


def _object(types: Types, name: str, schema: Schema, fields: list[Argument], in_request: bool) -> list[str]:
    """A class for an object. Two bases tell the fields that must be there: `NotRequired` came with Python 3.11."""
    required = [field for field in fields if field.required]
    optional = [field for field in fields if not field.required]
    out: list[str] = []
    bases: list[str] = []
    if any(map(_is_keyword, fields)):
        for part, own, total in (("Required", required, True), ("Optional", optional, False)):
            if own:
                bases.append(f"_{name}{part}")
                out += _functional(types, bases[-1], own, in_request, total)
        body: list[Argument] = []
    elif required and optional:
        bases = [f"_{name}Required"]
        out += ["", "", f"class {bases[0]}(TypedDict):", *_class_fields(types, required, in_request)]
        body = optional
    else:
        bases = ["TypedDict"]
        body = fields
    is_partial = bool(body and optional)
    head = f"class {name}({', '.join(bases)}{', total=False' if is_partial else ''}):"
    doc = doc_of(schema, "    ")
    lines = _class_fields(types, body, in_request)
    between = [""] if doc and lines else []
    return [*out, "", "", head, *([*doc, *between, *lines] or ["    pass"])]


def _is_keyword(field: Argument) -> bool:
    return keyword.iskeyword(field.name)


def _class_fields(types: Types, fields: list[Argument], in_request: bool) -> list[str]:
    out: list[str] = []
    for field in fields:
        out.append(f"    {field.name}: {types.of(field.schema, in_request)}")
        out += doc_of(field.schema, "    ")
    return out


def _functional(types: Types, name: str, fields: list[Argument], in_request: bool, total: bool) -> list[str]:
    out = ["", "", f"{name} = TypedDict(", f'    "{name}",', "    {"]
    for field in fields:
        out += wrapped(field.schema.get("description", ""), "        # ", "        # ")
        out.append(f'        "{field.name}": "{types.of(field.schema, in_request)}",')
    out += ["    },", *([] if total else ["    total=False,"]), ")"]
    return out


def _union(contract: Contract, types: Types, name: str, in_request: bool, out: list[str]) -> list[str]:
    """An alias for a choice. Its own objects become classes, named after their first field."""
    members: list[str] = []
    for schema in contract.schemas[name]["oneOf"]:
        if "properties" not in schema:
            members += types.of(schema, in_request).split(" | ")
            continue
        required = schema.get("required", [])
        fields = [Argument(key, own, key in required) for key, own in schema["properties"].items()]
        member = name + fields[0].name.title().replace("_", "")
        lines = _object(types, member, schema, fields, in_request)
        # Closed, so that a type checker tells the members apart by the keys they have.
        at = next(at for at, line in enumerate(lines) if line.startswith(f"class {member}("))
        out += [*lines[:at], "@final", *lines[at:]]
        members.append(member)
    known = set(PLAIN.values()) | {"Any"}
    listed = ", ".join(one if one in known else f'"{one}"' for one in members)
    return ["", f"{name}: TypeAlias = Union[{listed}]", *doc_of(contract.schemas[name])]
