"""What comes back instead of an answer."""

from __future__ import annotations

import pickle
import ssl
from typing import Any

import httpx
import pytest
from flavours import Flavour
from scripted import DOCUMENT, EXAMPLES, Pieces, Script, bad, problem, stream

import engram_client
from engram_client import ApiError, DecodeError, EngramError, TransportError

KINDS = DOCUMENT["components"]["schemas"]["Problem"]["properties"]["kind"]["enum"]


def caught(flavour: Flavour, answer: httpx.Response | Exception, **options: Any) -> EngramError:
    with pytest.raises(EngramError) as error:
        flavour.done(flavour.scripted(Script(answer), retries_max=0, **options).status())
    return error.value


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_has_a_class(kind: str, flavour: Flavour) -> None:
    name = kind.title().replace("_", "") + "Error"
    assert type(caught(flavour, bad(status=409, kind=kind))) is getattr(engram_client, name)


def test_a_kind_of_a_later_server_is_an_error_of_the_server(flavour: Flavour) -> None:
    error = caught(flavour, bad(status=409, kind="ask_again"))
    assert type(error) is ApiError
    assert error.kind == "ask_again"


def test_all_fields_of_a_problem_are_there(flavour: Flavour) -> None:
    fields = DOCUMENT["components"]["schemas"]["Problem"]["properties"]
    document = problem("unknown_field", 400, field="tag", nearest="tags", retry_after_seconds=1, request_id="0a1b")
    assert document.keys() == fields.keys()
    error = caught(flavour, bad(**document))
    assert isinstance(error, ApiError)
    assert error.problem == document
    assert {name: getattr(error, name) for name in fields} == document
    assert str(error) == "unknown_field (ERR-4001): it is so. Do something."


def test_absent_fields_are_none_and_the_header_names_the_request(flavour: Flavour) -> None:
    answer = bad(status=400)
    answer.headers["x-request-id"] = "0a1b"
    error = caught(flavour, answer)
    assert isinstance(error, ApiError)
    assert (error.field, error.nearest, error.retry_after_seconds, error.request_id) == (None, None, None, "0a1b")


@pytest.mark.parametrize("status", [200, 502])
def test_silence_and_strange_answers_are_told_apart(status: int, flavour: Flavour) -> None:
    error = caught(flavour, httpx.Response(status, content=b"<html>" + b"x" * 500))
    assert isinstance(error, DecodeError)
    assert error.status == status
    assert "'<html>x" in str(error)
    assert len(str(error)) < 300


@pytest.mark.parametrize("body", [b"[]", b"{}", b"null", b'{"version": "1"}', b"\xff\xfe", b""])
def test_what_is_no_answer_of_the_operation_is_told(body: bytes, flavour: Flavour) -> None:
    assert isinstance(caught(flavour, httpx.Response(200, content=body)), DecodeError)


def test_a_redirection_is_not_followed(flavour: Flavour) -> None:
    error = caught(flavour, httpx.Response(307, headers={"location": "http://elsewhere.test/"}))
    assert isinstance(error, DecodeError)
    assert error.status == 307


def test_a_document_that_is_no_problem_is_told(flavour: Flavour) -> None:
    error = caught(flavour, httpx.Response(400, json={"code": "bad"}))
    assert isinstance(error, DecodeError)
    assert "it has no 'detail'" in str(error)


def test_an_answer_has_a_largest_size(flavour: Flavour) -> None:
    pieces = Pieces(b"x" * 60, b"x" * 60, b"x" * 60)
    error = caught(flavour, httpx.Response(200, stream=pieces), answer_bytes_max=100)
    assert isinstance(error, DecodeError)
    assert "larger than 100 bytes" in str(error)
    assert pieces.taken == 2
    assert pieces.closed


def test_why_there_is_no_answer_is_told(flavour: Flavour) -> None:
    error = caught(flavour, httpx.ConnectError("connection refused"))
    assert isinstance(error, TransportError)
    assert (error.message, error.timed_out) == ("connection refused", False)
    assert error.url == "http://engram.test/api/v1/status"
    # What httpx leaves as it is: errors of the socket, from the async client.
    for raw in (ssl.SSLError("certificate required"), ConnectionResetError("reset")):
        assert isinstance(caught(flavour, raw), TransportError)
    late = caught(flavour, TimeoutError("late"))
    assert isinstance(late, TransportError)
    assert late.timed_out
    broken = caught(flavour, stream(b'{"version":', httpx.ReadError(""), content_type="application/json"))
    assert isinstance(broken, TransportError)
    assert broken.message == "ReadError"


@pytest.mark.parametrize(
    "error",
    [
        engram_client.NotFoundError(problem()),  # type: ignore[arg-type]
        TransportError("http://a", "lost", timed_out=True),
        DecodeError("http://a", 502, "no JSON"),
    ],
)
def test_errors_can_go_to_another_process(error: EngramError) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert (str(copy), vars(copy)) == (str(error), vars(error))


def test_nobody_listens(flavour: Flavour) -> None:
    client = flavour.client("http://127.0.0.1:9", connect_timeout_seconds=2)
    with pytest.raises(TransportError):
        flavour.done(client.status())
    flavour.stop(client)


def test_examples_are_answers(flavour: Flavour) -> None:
    assert flavour.done(flavour.scripted(Script(httpx.Response(200, json=EXAMPLES["status"]))).status())
