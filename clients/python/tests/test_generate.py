"""The generator: that the committed files are what it writes, and what new operations need."""

from __future__ import annotations

import copy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from contract import Contract, ContractError
from generate import HERE, PACKAGE, modules
from scripted import DOCUMENT

JSON = "application/json"
NEW = {"summary": "New.", "x-engram-permission": "read", "x-engram-idempotent": True}


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(HERE / "generate.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_committed_files_are_what_the_contract_says() -> None:
    checked = run("--check")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_a_stale_file_is_told_and_rewritten(tmp_path: Path) -> None:
    for name in modules(Contract(DOCUMENT)):
        (tmp_path / name).write_text((PACKAGE / name).read_text(encoding="utf-8"), encoding="utf-8")
    models = tmp_path / "models.py"
    models.write_text(models.read_text(encoding="utf-8").replace("A stored memory.", "A memory."), encoding="utf-8")
    (tmp_path / "_table.py").unlink()
    checked = run("--check", "--into", str(tmp_path))
    assert checked.returncode == 1
    assert "models.py, _table.py;" in checked.stdout
    assert not (tmp_path / "_table.py").exists()
    assert run("--into", str(tmp_path)).returncode == 0
    assert run("--check", "--into", str(tmp_path)).returncode == 0


def with_operation(path: str, method: str, operation: dict[str, Any], **schemas: Any) -> Contract:
    """The contract with one more operation."""
    document = copy.deepcopy(DOCUMENT)
    document["paths"].setdefault(path, {})[method] = {**NEW, **operation}
    document["components"]["schemas"].update(schemas)
    return Contract(document)


def answer(media_type: str = JSON, schema: str = "ListResponse") -> dict[str, Any]:
    return {"200": {"content": {media_type: {"schema": {"$ref": f"#/components/schemas/{schema}"}}}}}


def body(schema: str) -> dict[str, Any]:
    return {"content": {JSON: {"schema": {"$ref": f"#/components/schemas/{schema}"}}}}


def test_a_new_operation_is_a_method_with_its_types() -> None:
    fields = {
        "question": {"type": "string", "description": "What is asked."},
        "parameters": {"type": "object", "additionalProperties": {}},
        "in": {"type": "array", "items": {"type": "number"}},
        "cursor": {"type": "string"},
        "idempotency_key": {"type": "string"},
    }
    request = {"type": "object", "required": ["question"], "properties": fields}
    operation = {"operationId": "ask", "requestBody": body("AskRequest"), "responses": answer()}
    contract = with_operation("/api/v1/spaces/{space}/ask", "post", operation, AskRequest=request)
    written = modules(contract)
    sync, async_ = written["_operations.py"], written["_async_operations.py"]
    for line in [
        "        question: str,",
        "        parameters: Mapping[str, Any] | None = None,",
        "        in_: Sequence[float] | None = None,",
        "            question: What is asked.",
        '                "in": in_,',
    ]:
        assert line in sync.splitlines()
        assert line in async_.splitlines()
    assert "    def ask(" in sync
    assert "    def iter_ask(" in sync
    assert "    async def ask(" in async_
    assert "    ) -> AsyncIterator[models.MemoryView]:" in async_
    table = written["_table.py"]
    assert "    takes_key=True,\n" in table[table.index("ASK:") : table.index("ASSOCIATE:")]
    for text in written.values():
        compile(text, "generated", "exec")


def test_arguments_can_stand_in_path_and_query() -> None:
    parameters = [
        {"in": "path", "name": "space", "required": True, "schema": {"type": "string"}},
        {"in": "path", "name": "job", "required": True, "schema": {"type": "string"}},
        {"in": "query", "name": "after", "schema": {"type": "integer"}},
    ]
    operation = {"operationId": "job", "parameters": parameters, "responses": answer()}
    contract = with_operation("/api/v1/spaces/{space}/jobs/{job}", "get", operation)
    assert '    query=frozenset({"after"}),' in modules(contract)["_table.py"]
    assert "        job: str,\n        after: int | None = None," in modules(contract)["_operations.py"]


def with_header(name: str) -> Contract:
    """The contract with an operation of the path and one header."""
    parameters = [
        {"in": "path", "name": "space", "required": True, "schema": {"type": "string"}},
        {"in": "header", "name": name, "schema": {"type": "string"}},
    ]
    operation = {"operationId": "ask", "requestBody": body("UpdateRequest"), "responses": answer()}
    return with_operation("/api/v1/spaces/{space}/ask", "post", {**operation, "parameters": parameters})


def test_a_header_that_says_what_a_field_says_is_no_argument() -> None:
    found = next(one for one in with_header("Idempotency-Key").operations if one.name == "ask")
    assert [own.name for own in found.arguments].count("idempotency_key") == 1
    assert found.query == []
    assert not [own for own in found.arguments if "-" in own.name]
    with pytest.raises(ContractError, match="the header If-Match stands for no field"):
        with_header("If-Match")


def test_an_operation_that_only_tells_gives_its_events() -> None:
    operation = {"operationId": "subscribe", "responses": answer("text/event-stream")}
    written = modules(with_operation("/api/v1/spaces/{space}/subscribe", "post", operation))
    assert "def subscribe(self) -> EventStream[Event, None]:" in written["_operations.py"]
    assert "def subscribe(self) -> AsyncEventStream[Event, None]:" in written["_async_operations.py"]
    assert "async def subscribe" not in written["_async_operations.py"]


def test_an_operation_that_answers_or_tells_has_a_method_for_each() -> None:
    content = answer()["200"]["content"] | answer("text/event-stream")["200"]["content"]
    operation = {"operationId": "feed", "responses": {"200": {"content": content}}}
    written = modules(with_operation("/api/v1/spaces/{space}/feed", "post", operation))
    assert "def feed(self) -> models.ListResponse:" in written["_operations.py"]
    assert "def feed_events(self) -> EventStream[Event, None]:" in written["_operations.py"]
    assert "async def feed(self) -> models.ListResponse:" in written["_async_operations.py"]
    assert "    def feed_events(self) -> AsyncEventStream[Event, None]:" in written["_async_operations.py"]
    assert "feed_steps" not in written["_operations.py"]


def test_further_routes_of_an_operation_are_no_methods() -> None:
    names = [operation.name for operation in Contract(DOCUMENT).operations]
    assert "get" in names
    assert not [name for name in names if name.endswith("_resource")]


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        ({"responses": answer("application/x-ndjson")}, "answers of type application/x-ndjson"),
        ({"responses": answer(), "requestBody": {"content": {"text/plain": {}}}}, "requests of type text/plain"),
        ({"responses": answer(), "requestBody": body("MemoryPatch")}, "may be null"),
    ],
)
def test_what_cannot_be_expressed_is_refused(operation: dict[str, Any], message: str) -> None:
    with pytest.raises(ContractError, match=message):
        with_operation("/api/v1/new", "post", {"operationId": "new", **operation})
