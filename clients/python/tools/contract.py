"""The OpenAPI document, as the generator looks at it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

Schema: TypeAlias = "dict[str, Any]"

REFERENCE = "#/components/schemas/"
SECOND_ROUTE = "_resource"
"""Ending of the ids under which further routes of an operation stand. Clients use the first route."""
SPACE = "{space}"
EVENT_STREAM = "text/event-stream"
JSON = "application/json"


class ContractError(Exception):
    """The document says something that the generator cannot express."""


@dataclass(frozen=True)
class Argument:
    """A field of a request, wherever it is sent."""

    name: str
    schema: Schema
    required: bool


@dataclass(frozen=True)
class OperationSpec:
    """An operation, as its first route has it."""

    name: str
    method: str
    path: str
    permission: str
    idempotent: bool
    doc: list[str]
    arguments: list[Argument]
    query: list[str]
    request: str | None
    answer: str | None
    streams: bool

    @property
    def of_space(self) -> bool:
        """Whether it is about one space."""
        return SPACE in self.path


class Contract:
    """Operations and schemas."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.schemas: dict[str, Schema] = document["components"]["schemas"]
        found = [
            (route["operationId"], method, path, route)
            for path, routes in document["paths"].items()
            for method, route in routes.items()
        ]
        names = {name for name, *_ in found}
        self.operations = sorted(
            (
                self._operation(*entry)
                for entry in found
                if entry[0].removesuffix(SECOND_ROUTE) not in names - {entry[0]}
            ),
            key=lambda operation: operation.name,
        )

    def _operation(self, name: str, method: str, path: str, route: dict[str, Any]) -> OperationSpec:
        request = self._request(name, route)
        fields = [] if request is None else self.fields(request)
        arguments, query = [], []
        for parameter in route.get("parameters", []):
            if "{" + parameter["name"] + "}" == SPACE:
                continue
            if parameter["in"] == "header":
                _refuse_unless_field(name, parameter["name"], fields)
                continue
            required = parameter.get("required", False)
            arguments.append(Argument(parameter["name"], parameter["schema"], required))
            if parameter["in"] == "query":
                query.append(parameter["name"])
        arguments += fields
        for argument in arguments:
            if self.is_nullable(argument.schema):
                # None leaves an argument out, so it could not be said.
                raise ContractError(f"{name}: the argument {argument.name} may be null")
        content = next(answer["content"] for status, answer in route["responses"].items() if status[0] == "2")
        unknown = set(content) - {JSON, EVENT_STREAM}
        if unknown:
            raise ContractError(f"{name}: answers of type {sorted(unknown)[0]}")
        doc = [route["summary"], route.get("description", "")]
        return OperationSpec(
            name=name,
            method=method.upper(),
            path=path,
            permission=route["x-engram-permission"],
            idempotent=route["x-engram-idempotent"],
            doc=[paragraph for paragraph in doc if paragraph],
            arguments=sorted(arguments, key=lambda argument: not argument.required),
            query=query,
            request=request,
            answer=self.name_of(content[JSON]["schema"]) if JSON in content else None,
            streams=EVENT_STREAM in content,
        )

    def _request(self, name: str, route: dict[str, Any]) -> str | None:
        body = route.get("requestBody")
        if body is None:
            return None
        if set(body["content"]) != {JSON}:
            raise ContractError(f"{name}: requests of type {sorted(body['content'])[0]}")
        return self.name_of(body["content"][JSON]["schema"])

    def name_of(self, schema: Schema) -> str:
        """The schema that a reference names."""
        name: str = schema["$ref"]
        return name.removeprefix(REFERENCE)

    def fields(self, name: str) -> list[Argument]:
        """The fields of an object, those that must be there first."""
        schema = self.schemas[name]
        required = schema.get("required", [])
        fields = [Argument(field, own, field in required) for field, own in schema["properties"].items()]
        return sorted(fields, key=lambda field: not field.required)

    def is_nullable(self, schema: Schema) -> bool:
        """Whether `null` is a value of it."""
        if "$ref" in schema:
            return self.is_nullable(self.schemas[self.name_of(schema)])
        kinds = schema.get("type", [])
        return "null" in kinds or any(map(self.is_nullable, schema.get("oneOf", [])))

    def in_requests(self) -> set[str]:
        """The schemas that requests are made of."""
        found: set[str] = set()
        roots: list[Any] = [argument.schema for operation in self.operations for argument in operation.arguments]
        open_names = {operation.request for operation in self.operations if operation.request}
        for root in roots:
            open_names |= set(self._references(root))
        while open_names:
            name = open_names.pop()
            if name not in found:
                found.add(name)
                open_names |= set(self._references(self.schemas[name]))
        return found

    def _references(self, value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            if "$ref" in value:
                yield self.name_of(value)
            for inner in value.values():
                yield from self._references(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from self._references(inner)

    def items_of_pages(self, operation: OperationSpec) -> Argument | None:
        """The list that an operation gives page by page, where its answers hold nothing else to be missed.

        An answer with more lists, a recall's, says more than its items: what could not be read, for one.
        """
        if operation.answer is None or all(own.name != "cursor" for own in operation.arguments):
            return None
        fields = self.fields(operation.answer)
        lists = [field for field in fields if field.schema.get("type") == "array"]
        has_next = any(field.name == "next_cursor" for field in fields)
        return lists[0] if has_next and len(lists) == 1 else None


def _refuse_unless_field(operation: str, header: str, fields: list[Argument]) -> None:
    """A header may say what a field of the request says as well: clients send the field."""
    name = header.lower().replace("-", "_")
    if all(field.name != name for field in fields):
        raise ContractError(f"{operation}: the header {header} stands for no field")
