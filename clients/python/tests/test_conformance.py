"""The conformance cases: that they are well formed and complete, and that both clients do as they say."""

from __future__ import annotations

import json
import keyword
import re
from typing import Any

import jsonschema
import pytest
from conformance import Case, Outcome, Perform, Run, faults_of, read_cases
from contract import Contract
from flavours import Flavour
from generate import OPENAPI
from methods import IN_STEPS

from engram_client import ApiError
from engram_client._table import OPERATIONS

DOCUMENT: dict[str, Any] = json.loads(OPENAPI.read_text(encoding="utf-8"))
CONTRACT = Contract(DOCUMENT)
ALL = read_cases()
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")


TIMES = jsonschema.FormatChecker(formats=())


@TIMES.checks("date-time")
def is_time(value: object) -> bool:
    """Whether it is a time (RFC 3339) as Engram reads and writes it."""
    return not isinstance(value, str) or bool(TIME.fullmatch(value))


def closed(value: Any) -> Any:
    """The same schemas without room for further fields: a server answers what its own contract says."""
    if isinstance(value, list):
        return [closed(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    more = {"additionalProperties": False} if "properties" in value and value.get("type") == "object" else {}
    return {**more, **{key: closed(inner) for key, inner in value.items()}}


def validator(name: str) -> jsonschema.Draft202012Validator:
    """Holds a value against a schema of the contract."""
    components = {"schemas": closed(CONTRACT.schemas)}
    schema = {"$ref": f"#/components/schemas/{name}", "components": components}
    return jsonschema.Draft202012Validator(schema, format_checker=TIMES)


ANSWERS = {own.name: validator(own.answer) for own in CONTRACT.operations if own.answer}
REQUESTS = {own.name: validator(own.request) for own in CONTRACT.operations if own.request}
PROBLEM = validator("Problem")


def test_cases_are_well_formed() -> None:
    spaced = {operation.name: operation.of_space for operation in CONTRACT.operations}
    assert [fault for case in ALL for fault in faults_of(case, spaced)] == []
    names = [case.name for case in ALL]
    assert sorted(set(names)) == sorted(names)
    assert len(ALL) >= 40


def test_every_operation_is_called_by_a_case() -> None:
    called = {step["operation"] for case in ALL for step in case.steps}
    assert {operation.name for operation in CONTRACT.operations} - called == set()
    streaming = {step["operation"] for case in ALL for step in case.steps if step.get("stream")}
    assert IN_STEPS - streaming == set()


def test_what_breaks_the_schema_is_marked_as_such() -> None:
    for case in ALL:
        run = Run(case, lambda *_: Outcome())
        run._captured = _AnyName()
        for step in case.steps:
            check = REQUESTS.get(step["operation"])
            if check is not None and "$captured:" not in json.dumps(step.get("request", {})):
                is_valid = check.is_valid(run.filled(step.get("request", {})))
                assert is_valid != step.get("untyped", False), (case.name, step)


class _AnyName(dict[str, Any]):
    def __missing__(self, name: str) -> str:
        return name


@pytest.mark.server
@pytest.mark.parametrize("case", ALL, ids=lambda case: f"{case.file}: {case.name}")
def test_case(case: Case, flavour: Flavour, server: str) -> None:
    client = flavour.client(server)
    try:
        Run(case, performer(flavour, client)).run()
    finally:
        flavour.stop(client)


def performer(flavour: Flavour, client: Any) -> Perform:
    """Carries out steps by the methods of a client; what these cannot say goes past them."""

    def perform(step: dict[str, Any], space: str | None, request: dict[str, Any]) -> Outcome:
        target = client if space is None else client.space(space)
        name = step["operation"]
        told: list[Any] = []
        try:
            if step.get("untyped"):
                answer = flavour.done(target._run(OPERATIONS[name], request))
            else:
                arguments = {f"{key}_" if keyword.iskeyword(key) else key: own for key, own in request.items()}
                if step.get("stream"):
                    arguments["on_step"] = told.append
                answer = flavour.done(getattr(target, OPERATIONS[name].attribute)(**arguments))
        except ApiError as error:
            PROBLEM.validate(error.problem)
            return Outcome(problem=dict(error.problem))
        for value in [answer, *told]:
            ANSWERS[name].validate(value)
        return Outcome(answer=answer, told=told)

    return perform
