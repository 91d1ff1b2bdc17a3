"""What goes out: paths, headers, bodies."""

from __future__ import annotations

import inspect
import json
import keyword
from datetime import datetime, timedelta, timezone
from types import MappingProxyType
from typing import Any

import httpx
import pytest
from contract import Contract, OperationSpec
from flavours import Flavour
from scripted import DOCUMENT, EXAMPLES, Script, bad, good

from engram_client import AsyncClient, AsyncSpaceClient, Client, NotFoundError, SpaceClient, __version__
from engram_client._table import OPERATIONS

CONTRACT = Contract(DOCUMENT)


def request_of(operation: OperationSpec) -> dict[str, Any]:
    """The request that stands in the contract as an example."""
    route = DOCUMENT["paths"][operation.path][operation.method.lower()]
    body: dict[str, Any] = route["requestBody"]["content"]["application/json"]["example"]
    return body


@pytest.mark.parametrize("operation", CONTRACT.operations, ids=lambda operation: operation.name)
def test_every_operation_has_a_method(operation: OperationSpec, flavour: Flavour) -> None:
    script = Script(good(operation.name))
    client = flavour.scripted(script)
    target = client.space("notes") if operation.of_space else client
    request = request_of(operation) if operation.request else {}
    arguments = {f"{key}_" if keyword.iskeyword(key) else key: own for key, own in request.items()}
    answer = flavour.done(getattr(target, OPERATIONS[operation.name].attribute)(**arguments))
    assert answer == EXAMPLES[operation.name]
    assert script.lines == [f"{operation.method} {operation.path.replace('{space}', 'notes')}"]
    if operation.request is None:
        assert script.seen[0].content == b""
        assert "content-type" not in script.seen[0].headers
    else:
        assert script.seen[0].headers["content-type"] == "application/json"
        sent = script.bodies[0]
        if OPERATIONS[operation.name].takes_key and "idempotency_key" not in request:
            assert sent.pop("idempotency_key")
        assert sent == request


def test_both_clients_have_the_same_methods() -> None:
    async_names = {"close": "aclose", "__enter__": "__aenter__", "__exit__": "__aexit__"}
    for sync, other in [(Client, AsyncClient), (SpaceClient, AsyncSpaceClient)]:
        methods = dict(inspect.getmembers(sync, inspect.isfunction))
        for name, method in methods.items():
            twin = getattr(other, async_names.get(name, name))
            assert list(inspect.signature(method).parameters) == list(inspect.signature(twin).parameters), name
            if not name.startswith("_"):
                assert inspect.getdoc(method) == inspect.getdoc(twin), name
                assert inspect.getdoc(method), name


def test_what_is_not_given_is_not_sent(flavour: Flavour) -> None:
    script = Script(good("recall"))
    flavour.done(flavour.scripted(script).space("notes").recall(text="cats", limit=None, explain=False))
    assert script.bodies == [{"text": "cats", "explain": False}]


def test_null_within_a_request_is_sent(flavour: Flavour) -> None:
    script = Script(good("update"))
    space = flavour.scripted(script).space("notes")
    flavour.done(space.update(id="a", set={"place": None}, idempotency_key="k"))
    assert script.bodies == [{"id": "a", "set": {"place": None}, "idempotency_key": "k"}]


def test_names_in_paths_are_encoded(flavour: Flavour) -> None:
    script = Script(bad("space_not_found", 404, kind="not_found"))
    with pytest.raises(NotFoundError):
        flavour.done(flavour.scripted(script).space("a/../b c%ü").get_space())
    assert script.lines == ["GET /api/v1/spaces/a%2F..%2Fb%20c%25%C3%BC"]


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_a_name_that_would_leave_the_path_is_refused(name: str, flavour: Flavour) -> None:
    script = Script()
    with pytest.raises(ValueError, match="space must not be"):
        flavour.done(flavour.scripted(script).space(name).delete_space())
    assert script.seen == []


def test_a_path_of_the_address_is_a_prefix(flavour: Flavour) -> None:
    script = Script(good("version"))
    flavour.done(flavour.scripted(script, base_url="http://engram.test/memory/").version())
    assert script.lines == ["GET /memory/api/v1/version"]


def test_headers_say_who_asks_and_what_for(flavour: Flavour) -> None:
    script = Script(good("version"), good("version"))
    flavour.done(flavour.scripted(script).version())
    flavour.done(flavour.scripted(script, api_key="secret").version())
    first, second = (request.headers for request in script.seen)
    assert first["accept"] == "application/json, application/problem+json"
    assert first["user-agent"] == f"engram-client-python/{__version__}"
    assert "authorization" not in first
    assert second["authorization"] == "Bearer secret"


def test_times_are_sent_with_their_zone(flavour: Flavour) -> None:
    script = Script(good("remember"))
    space = flavour.scripted(script).space("notes")
    zone = timezone(timedelta(hours=1))
    flavour.done(space.remember(id="a", text="x", occurred_at=datetime(2026, 1, 5, 12, tzinfo=zone)))
    assert script.bodies[0]["occurred_at"] == "2026-01-05T12:00:00+01:00"
    with pytest.raises(ValueError, match="time zone"):
        flavour.done(space.remember(id="a", text="x", occurred_at=datetime(2026, 1, 5)))


def test_any_mapping_and_sequence_is_json(flavour: Flavour) -> None:
    script = Script(good("remember"))
    metadata = MappingProxyType({"range": range(3), "pair": (1, 2)})
    flavour.done(flavour.scripted(script).space("notes").remember(id="a", text="ü\u2028", metadata=metadata))
    assert script.bodies == [{"id": "a", "text": "ü\u2028", "metadata": {"range": [0, 1, 2], "pair": [1, 2]}}]
    assert "ü".encode() in script.seen[0].content


@pytest.mark.parametrize("value", [float("nan"), {1, 2}, b"bytes", object()])
def test_what_is_no_json_is_refused(value: object, flavour: Flavour) -> None:
    script = Script()
    with pytest.raises(ValueError, match="JSON"):
        flavour.done(flavour.scripted(script).space("notes").remember(text="x", metadata={"a": value}))
    assert script.seen == []


def test_answers_keep_what_this_version_does_not_know(flavour: Flavour) -> None:
    answer = {**EXAMPLES["version"], "colour": "green"}
    script = Script(httpx.Response(200, content=json.dumps(answer)))
    assert flavour.done(flavour.scripted(script).version()) == answer


def test_readiness_counts_by_status_alone(flavour: Flavour) -> None:
    script = Script(httpx.Response(200, content=b"ok"), bad("not_ready", 503), httpx.Response(503, content=b"no"))
    client = flavour.scripted(script)
    assert flavour.done(client.ready()) is None
    with pytest.raises(Exception, match="not_ready"):
        flavour.done(client.ready())
    with pytest.raises(Exception, match="answered with status 503"):
        flavour.done(client.ready())
    assert script.lines == ["GET /readyz"] * 3
