"""Reads the conformance cases and runs them; the format is specified in clients/conformance/README.md."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

CASES = Path(__file__).resolve().parents[2] / "conformance" / "cases"
NAME = re.compile(r"[a-z][a-z0-9-]{0,19}")
STEP_KEYS = {"operation", "space", "request", "expect", "capture", "stream", "untyped"}


def is_number(value: Any) -> bool:
    """Whether it is a number: for Python, true and false are numbers as well."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


TYPES: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "number": is_number,
    "integer": lambda value: is_number(value) and value == int(value),
    "boolean": lambda value: isinstance(value, bool),
    "list": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
    "null": lambda value: value is None,
}


class CaseError(Exception):
    """A case is not as the format says."""


@dataclass(frozen=True)
class Case:
    """A case and where it stands."""

    file: str
    name: str
    steps: list[dict[str, Any]]


@dataclass(frozen=True)
class Outcome:
    """How a step ended: with an answer, or with the document of a problem."""

    answer: Any = None
    problem: dict[str, Any] | None = None
    told: list[Any] = field(default_factory=list)


Perform: TypeAlias = "Callable[[dict[str, Any], str | None, dict[str, Any]], Outcome]"
"""Carries out a step with this name of its space and this request."""


def read_cases(folder: Path = CASES) -> list[Case]:
    """All cases, by file."""
    found = []
    for path in sorted(folder.glob("*.json")):
        content = json.loads(path.read_text(encoding="utf-8"))
        found += [Case(path.stem, case["name"], case["steps"]) for case in content["cases"]]
    return found


class Run:
    """One run of a case."""

    def __init__(self, case: Case, perform: Perform) -> None:
        self._case = case
        self._perform = perform
        self._captured: dict[str, Any] = {}
        self._suffix = secrets.token_hex(6)

    def run(self) -> None:
        """Runs all steps; fails with the first that does not do as expected."""
        for number, step in enumerate(self._case.steps, 1):
            space = self._space(step["space"]) if "space" in step else None
            outcome = self._perform(step, space, self.filled(step.get("request", {})))
            at = f"step {number}, {step['operation']}"
            for fault in self._faults(step.get("expect", {}), outcome):
                raise AssertionError(f"{at}: {fault}\n{json.dumps(outcome.answer or outcome.problem, indent=1)}")
            for name, pointer in step.get("capture", {}).items():
                self._captured[name] = resolved(outcome.answer, pointer)

    def _space(self, name: str) -> str:
        return f"{name}-{self._suffix}"

    def filled(self, value: Any) -> Any:
        """A request in which names stand for what they mean."""
        if isinstance(value, dict):
            return {key: self.filled(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.filled(inner) for inner in value]
        return self._meant(value) if isinstance(value, str) and value.startswith("$") else value

    def _meant(self, text: str) -> Any:
        kind, separator, name = text.partition(":")
        if text.startswith("$$"):
            return text[1:]
        if separator and kind == "$captured":
            return self._captured[name]
        if separator and kind == "$space":
            return self._space(name)
        raise CaseError(f"{text!r} means nothing here")

    def _faults(self, expect: dict[str, Any], outcome: Outcome) -> Iterator[str]:
        if "problem" not in expect:
            if outcome.problem is not None:
                yield "it ended with a problem"
            elif not self.matches(expect.get("answer", "$any"), outcome.answer):
                yield f"the answer does not match {json.dumps(expect['answer'])}"
            elif not self.matches(expect.get("steps", "$any"), outcome.told):
                yield f"the steps do not match {json.dumps(expect['steps'])}: {json.dumps(outcome.told)}"
        elif outcome.problem is None:
            yield "it succeeded"
        elif outcome.problem["code"] != expect["problem"]:
            yield f"it ended with {outcome.problem['code']}, not with {expect['problem']}"
        elif not self.matches(expect.get("fields", "$any"), outcome.problem):
            yield f"the problem does not match {json.dumps(expect['fields'])}"

    def matches(self, pattern: Any, value: Any) -> bool:
        """Whether a value is as a pattern says."""
        if isinstance(pattern, dict):
            if len(pattern) == 1 and next(iter(pattern)).startswith("$"):
                return self._matches_sign(*next(iter(pattern.items())), value)
            return isinstance(value, dict) and all(
                key not in value if own == "$absent" else key in value and self.matches(own, value[key])
                for key, own in pattern.items()
            )
        if isinstance(pattern, list):
            return isinstance(value, list) and len(pattern) == len(value) and all(map(self.matches, pattern, value))
        if isinstance(pattern, str) and pattern.startswith("$"):
            return self._matches_text(pattern, value)
        return equal(pattern, value)

    def _matches_sign(self, sign: str, operand: Any, value: Any) -> bool:
        match sign:
            case "$between":
                return is_number(value) and operand[0] <= value <= operand[1]
            case "$length":
                return isinstance(value, (list, str)) and len(value) == operand
            case "$contains":
                return isinstance(value, list) and all(
                    any(self.matches(pattern, one) for one in value) for pattern in operand
                )
            case "$holds":
                return isinstance(value, str) and operand in value
            case "$not":
                return not self.matches(operand, value)
            case _:
                raise CaseError(f"{sign!r} is no pattern")

    def _matches_text(self, pattern: str, value: Any) -> bool:
        if pattern == "$any":
            return True
        if pattern.startswith("$type:"):
            return TYPES[pattern.removeprefix("$type:")](value)
        return equal(self._meant(pattern), value)


def equal(left: Any, right: Any) -> bool:
    """Whether two values of JSON are the same."""
    if is_number(left) and is_number(right):
        return bool(left == right)
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(equal(left[key], right[key]) for key in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(equal, left, right))
    return bool(left == right)


def resolved(value: Any, pointer: str) -> Any:
    """What a JSON pointer (RFC 6901) leads to."""
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        value = value[int(key)] if isinstance(value, list) else value[key]
    return value


def faults_of(case: Case, spaced_operations: dict[str, bool]) -> Iterator[str]:
    """What in a case is not as the format says. The table says of each operation whether it is one of a space."""
    captured: set[str] = set()
    for number, step in enumerate(case.steps, 1):
        at = f"{case.file}: {case.name!r}, step {number}"
        operation = step.get("operation")
        unknown = step.keys() - STEP_KEYS
        if unknown:
            yield f"{at} has {sorted(unknown)[0]!r}"
        if operation not in spaced_operations:
            yield f"{at} calls {operation!r}, which is no operation"
        elif spaced_operations[operation] != ("space" in step):
            yield f"{at} names a space, or does not, against the path of {operation}"
        if "space" in step and not NAME.fullmatch(step["space"]):
            yield f"{at} names the space {step['space']!r}"
        expect = step.get("expect", {"answer": "$any"})
        if len(expect.keys() & {"answer", "problem"}) != 1:
            yield f"{at} expects not exactly one of an answer and a problem"
        allowed = {"answer", "steps"} if step.get("stream") and "answer" in expect else {"answer"}
        if not expect.keys() <= (allowed if "answer" in expect else {"problem", "fields"}):
            yield f"{at} expects {sorted(expect)}"
        if "problem" in expect and "capture" in step:
            yield f"{at} captures of a problem"
        for text in _texts([step.get("request", {}), expect]):
            name = text.removeprefix("$captured:")
            if name != text and name not in captured:
                yield f"{at} uses {name!r} before it is captured"
        captured |= step.get("capture", {}).keys()


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)
