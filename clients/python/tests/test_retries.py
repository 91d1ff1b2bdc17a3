"""What is sent again, when, and with which key."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, TypeAlias

import httpx
import pytest
from flavours import Flavour
from scripted import Script, bad, good

from engram_client import ApiError, RetryLaterError, TransportError
from engram_client._table import OPERATIONS

Ask: TypeAlias = "Callable[[Any], Any]"
LOST = httpx.ReadError("the line broke")


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits, which take no time here."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(time, "sleep", slept.append)
    monkeypatch.setattr(asyncio, "sleep", sleep)
    return slept


READS: dict[str, Ask] = {
    "list_spaces": lambda client: client.list_spaces(),
    "backup_status": lambda client: client.backup_status(),
    "list_keys": lambda client: client.list_keys(),
    "whoami": lambda client: client.whoami(),
    "status": lambda client: client.status(),
    "version": lambda client: client.version(),
    "get_space": lambda client: client.space("s").get_space(),
    "space_stats": lambda client: client.space("s").space_stats(),
    "get": lambda client: client.space("s").get(id="a"),
    "list": lambda client: client.space("s").list(),
    "history": lambda client: client.space("s").history(id="a"),
    "recall": lambda client: client.space("s").recall(text="x"),
    "recognize": lambda client: client.space("s").recognize(text="x"),
    "spread": lambda client: client.space("s").spread(seeds=[{"id": "a"}]),
    "complete": lambda client: client.space("s").complete(partial={"place": "x"}),
    "predict": lambda client: client.space("s").predict(like=["a"]),
    "imagine": lambda client: client.space("s").imagine(partial={"place": "x"}),
    "associations": lambda client: client.space("s").associations(id="a"),
    "marks": lambda client: client.space("s").marks(),
    "export": lambda client: client.space("s").export(),
    "beliefs": lambda client: client.space("s").beliefs(),
    "changes": lambda client: client.space("s").changes(),
    "fading": lambda client: client.space("s").fading(),
    "retention": lambda client: client.space("s").retention(id="a"),
    "forget_receipt": lambda client: client.space("s").forget_receipt(lsn=1),
}
SAFE: dict[str, Ask] = {
    **READS,
    "revoke_key": lambda client: client.revoke_key(id="k"),
    "associate": lambda client: client.space("s").associate(from_="a", to="b"),
    "import": lambda client: client.space("s").import_(records=[]),
    "consolidate": lambda client: client.space("s").consolidate(),
    "forget": lambda client: client.space("s").forget(ids=["a"], dry_run=True),
    "remember": lambda client: client.space("s").remember(id="a", text="x"),
    "remember_many": lambda client: client.space("s").remember_many(memories=[{"id": "a", "text": "x"}]),
}
UNSAFE: dict[str, Ask] = {
    "create_space": lambda client: client.create_space(name="s"),
    "delete_space": lambda client: client.space("s").delete_space(),
    "create_backup": lambda client: client.create_backup(),
    "create_key": lambda client: client.create_key(name="a", spaces=["*"]),
    "rotate_key": lambda client: client.rotate_key(id="k"),
    "create_restore_point": lambda client: client.create_restore_point(name="p"),
    "restore_space": lambda client: client.restore_space(name="s", new_name="t"),
    "take_over_repository": lambda client: client.take_over_repository(),
    "dissociate": lambda client: client.space("s").dissociate(from_="a", to="b"),
    "feedback": lambda client: client.space("s").feedback(id="a", verdict="useful"),
    "forget": lambda client: client.space("s").forget(ids=["a"]),
    "query": lambda client: client.space("s").query(query="GET $1", values=["a"]),
    "restore": lambda client: client.space("s").restore(ids=["a"]),
    "undo_consolidation": lambda client: client.space("s").undo_consolidation(ids=["a"]),
}
KEYED: dict[str, Ask] = {
    "remember": lambda client: client.space("s").remember(text="x"),
    "remember_many": lambda client: client.space("s").remember_many(memories=[{"id": "a"}, {"text": "x"}]),
    "update": lambda client: client.space("s").update(id="a", set={"text": "x"}),
}


def test_each_operation_is_in_a_list() -> None:
    assert SAFE.keys() | UNSAFE.keys() | KEYED.keys() == OPERATIONS.keys()
    for name in SAFE.keys() | KEYED.keys():
        assert OPERATIONS[name].idempotent, name


@pytest.mark.parametrize("name", SAFE)
def test_what_was_refused_for_now_is_sent_again_where_that_is_safe(name: str, flavour: Flavour) -> None:
    script = Script(bad(), bad(), good(name))
    flavour.done(SAFE[name](flavour.scripted(script)))
    assert len(script.seen) == 3
    assert len({request.content for request in script.seen}) == 1


@pytest.mark.parametrize("name", SAFE)
def test_without_a_key_what_was_lost_is_not_sent_again(name: str, flavour: Flavour) -> None:
    script = Script(LOST)
    with pytest.raises(TransportError, match="the line broke"):
        flavour.done(SAFE[name](flavour.scripted(script)))


@pytest.mark.parametrize("name", UNSAFE)
def test_what_would_do_more_than_once_is_sent_once(name: str, flavour: Flavour) -> None:
    script = Script(bad())
    with pytest.raises(RetryLaterError):
        flavour.done(UNSAFE[name](flavour.scripted(script)))
    assert len(script.seen) == 1


@pytest.mark.parametrize("name", KEYED)
def test_a_write_without_a_name_gets_a_key_and_survives_a_broken_line(name: str, flavour: Flavour) -> None:
    script = Script(LOST, bad(), httpx.RemoteProtocolError("no answer"), httpx.ConnectError("refused"), good(name))
    flavour.done(KEYED[name](flavour.scripted(script)))
    keys = {body["idempotency_key"] for body in script.bodies}
    assert len(script.seen) == 5
    assert len(keys) == 1
    assert len(keys.pop()) == 32


@pytest.mark.parametrize("name", KEYED)
def test_each_call_has_a_key_of_its_own(name: str, flavour: Flavour) -> None:
    script = Script(good(name), good(name))
    for _ in range(2):
        flavour.done(KEYED[name](flavour.scripted(script)))
    first, second = (body["idempotency_key"] for body in script.bodies)
    assert first != second


def test_the_callers_key_is_kept_and_makes_a_retry_safe(flavour: Flavour) -> None:
    script = Script(LOST, good("remember"))
    flavour.done(flavour.scripted(script).space("s").remember(id="a", text="x", idempotency_key="mine"))
    assert [body["idempotency_key"] for body in script.bodies] == ["mine", "mine"]


def test_a_named_memory_gets_no_key(flavour: Flavour) -> None:
    script = Script(good("remember"), good("remember_many"))
    space = flavour.scripted(script).space("s")
    flavour.done(space.remember(id="a", text="x"))
    flavour.done(space.remember_many(memories=[{"id": "a", "text": "x"}]))
    assert all("idempotency_key" not in body for body in script.bodies)


def test_after_a_time_out_nothing_is_sent_again(flavour: Flavour) -> None:
    script = Script(httpx.ReadTimeout("too slow"))
    with pytest.raises(TransportError) as caught:
        flavour.done(flavour.scripted(script).space("s").remember(text="x"))
    assert caught.value.timed_out
    assert len(script.seen) == 1


def test_waits_double_up_to_the_longest(flavour: Flavour, waits: list[float]) -> None:
    script = Script(bad(), bad(), bad(), bad(), good("status"))
    flavour.done(flavour.scripted(script, retry_wait_seconds=1, retry_wait_seconds_max=3).status())
    assert waits == [1, 2, 3, 3]


def test_the_server_says_how_long_to_wait(flavour: Flavour, waits: list[float]) -> None:
    by_header = bad()
    by_header.headers["retry-after"] = "3"
    script = Script(bad(retry_after_seconds=2), by_header, bad(retry_after_seconds=60), good("status"))
    flavour.done(flavour.scripted(script).status())
    assert waits == [2, 3, 5]


def test_retries_end(flavour: Flavour, waits: list[float]) -> None:
    for retries_max in (0, 4):
        script = Script(*[bad(detail=f"try {number}") for number in range(5)])
        with pytest.raises(RetryLaterError, match=f"try {retries_max}"):
            flavour.done(flavour.scripted(script, retries_max=retries_max).status())
        assert len(script.seen) == retries_max + 1
    assert len(waits) == 4


def test_lost_writes_end_too(flavour: Flavour) -> None:
    script = Script(LOST, LOST, LOST)
    with pytest.raises(TransportError):
        flavour.done(flavour.scripted(script, retries_max=2).space("s").remember(text="x"))
    assert len(script.seen) == 3


def test_other_problems_are_not_retried(flavour: Flavour) -> None:
    script = Script(bad("memory_not_found", 404, kind="not_found"))
    with pytest.raises(ApiError):
        flavour.done(flavour.scripted(script).space("s").get(id="a"))
    assert len(script.seen) == 1
