"""The runner of the conformance cases: its patterns, its names, its checks."""

from __future__ import annotations

from typing import Any

import pytest
from conformance import Case, CaseError, Outcome, Run, faults_of, resolved

MATCHES: list[tuple[Any, Any]] = [
    ({}, {"a": 1}),
    ({"a": 1}, {"a": 1.0, "b": 2}),
    ({"a": "$absent"}, {"b": 1}),
    ({"a": "$any"}, {"a": None}),
    ([1, "$any"], [1, {}]),
    ("$$any", "$any"),
    (None, None),
    ("$type:integer", 3.0),
    ("$type:number", 3.5),
    ("$type:boolean", False),
    ("$type:list", []),
    ("$type:object", {}),
    ("$type:null", None),
    ("$type:string", ""),
    ("$captured:lsn", 7.0),
    ("$captured:all", {"a": [1]}),
    ({"$between": [1, 2]}, 2),
    ({"$length": 2}, [1, 1]),
    ({"$length": 2}, "ü!"),
    ({"$contains": [{"a": 1}, 2]}, [2, 3, {"a": 1, "b": 1}]),
    ({"$holds": "ell"}, "hello"),
    ({"$not": {"a": 1}}, {"a": 2}),
]
DIFFERS: list[tuple[Any, Any]] = [
    ({"a": 1}, {"b": 1}),
    ({"a": "$any"}, {}),
    ({"a": "$absent"}, {"a": None}),
    ({"a": 1}, [1]),
    ([1], [1, 2]),
    ([1, 2], [2, 1]),
    (1, True),
    (0, False),
    (False, 0),
    (None, 0),
    ("1", 1),
    ("$type:integer", 3.5),
    ("$type:integer", True),
    ("$type:number", "3"),
    ("$type:null", 0),
    ("$captured:lsn", 8),
    ("$captured:all", {"a": [1], "b": 1}),
    ({"$between": [1, 2]}, 2.1),
    ({"$between": [0, 1]}, True),
    ({"$length": 2}, [1]),
    ({"$contains": [1, 4]}, [1, 2]),
    ({"$contains": []}, "text"),
    ({"$holds": "x"}, "hello"),
    ({"$not": "$any"}, 1),
]


def run_of(*steps: dict[str, Any], outcomes: list[Outcome] | None = None, seen: list[Any] | None = None) -> Run:
    left = list(outcomes or [])

    def perform(step: dict[str, Any], space: str | None, request: dict[str, Any]) -> Outcome:
        if seen is not None:
            seen.append((step["operation"], space, request))
        return left.pop(0)

    return Run(Case("file", "case", list(steps)), perform)


def with_captures() -> Run:
    step = {"operation": "x", "capture": {"lsn": "/lsn", "all": "/all"}}
    run = run_of(step, outcomes=[Outcome(answer={"lsn": 7, "all": {"a": [1]}})])
    run.run()
    return run


@pytest.mark.parametrize(("pattern", "value"), MATCHES)
def test_a_pattern_matches(pattern: Any, value: Any) -> None:
    assert with_captures().matches(pattern, value)


@pytest.mark.parametrize(("pattern", "value"), DIFFERS)
def test_a_pattern_does_not_match(pattern: Any, value: Any) -> None:
    assert not with_captures().matches(pattern, value)


def test_signs_that_mean_nothing_are_errors() -> None:
    for pattern in ["$anything", {"$near": 1}, "$space"]:
        with pytest.raises(CaseError):
            with_captures().matches(pattern, 1)
    with pytest.raises(CaseError):
        with_captures().filled({"text": "$any"})


def test_names_stand_for_what_they_mean() -> None:
    seen: list[Any] = []
    outcomes = [Outcome(answer={"lsn": 7, "items": [{"id": "m"}]}), Outcome(answer={"name": "x"})]
    steps = [
        {"operation": "a", "space": "s", "request": {"text": "$$5"}, "capture": {"lsn": "/lsn", "id": "/items/0/id"}},
        {"operation": "b", "request": {"name": "$space:s", "as_of": "$captured:lsn", "ids": ["$captured:id"]}},
    ]
    run_of(*steps, outcomes=outcomes, seen=seen).run()
    name = seen[0][1]
    assert name.startswith("s-")
    assert seen[0][2] == {"text": "$5"}
    assert seen[1] == ("b", None, {"name": name, "as_of": 7, "ids": ["m"]})


@pytest.mark.parametrize(
    ("expect", "outcome", "message"),
    [
        ({"answer": {"a": 1}}, Outcome(answer={"a": 2}), "does not match"),
        ({}, Outcome(problem={"code": "x"}), "ended with a problem"),
        ({"answer": "$any"}, Outcome(problem={"code": "x"}), "ended with a problem"),
        ({"problem": "x"}, Outcome(answer={}), "it succeeded"),
        ({"problem": "x"}, Outcome(problem={"code": "y"}), "ended with y, not with x"),
        ({"problem": "x", "fields": {"field": "a"}}, Outcome(problem={"code": "x"}), "the problem does not match"),
        ({"answer": {}, "steps": [1]}, Outcome(answer={}, told=[2]), "the steps do not match"),
    ],
)
def test_a_step_that_does_otherwise_fails_the_case(expect: Any, outcome: Outcome, message: str) -> None:
    with pytest.raises(AssertionError, match=f"step 1, x: .*{message}"):
        run_of({"operation": "x", "expect": expect}, outcomes=[outcome]).run()


def test_pointers_lead_to_values() -> None:
    value = {"a/b": [{"m~n": 1}]}
    assert resolved(value, "/a~1b/0/m~0n") == 1
    assert resolved(value, "") == value


@pytest.mark.parametrize(
    "step",
    [
        {"operation": "fly", "space": "s"},
        {"operation": "get"},
        {"operation": "version", "space": "s"},
        {"operation": "get", "space": "S!"},
        {"operation": "get", "space": "s", "expects": {}},
        {"operation": "get", "space": "s", "expect": {}},
        {"operation": "get", "space": "s", "expect": {"answer": {}, "problem": "x"}},
        {"operation": "get", "space": "s", "expect": {"answer": {}, "fields": {}}},
        {"operation": "get", "space": "s", "expect": {"answer": {}, "steps": []}},
        {"operation": "get", "space": "s", "expect": {"problem": "x"}, "capture": {"a": "/a"}},
        {"operation": "get", "space": "s", "request": {"id": ["$captured:late"]}, "capture": {"late": "/id"}},
    ],
)
def test_a_case_that_is_not_well_formed_is_told(step: dict[str, Any]) -> None:
    spaced = {"get": True, "version": False}
    assert list(faults_of(Case("file", "case", [step]), spaced))
    good = {"operation": "get", "space": "s", "capture": {"late": "/id"}}
    assert not list(faults_of(Case("file", "case", [good]), spaced))
