"""Work that is told of step by step."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from flavours import Flavour, make_flavour
from scripted import EXAMPLES, Pieces, Script, bad, event, good, problem, stream

from engram_client import AsyncClient, DecodeError, FixRequestError, RetryLaterError, TransportError
from engram_client._call import Operation
from engram_client._script import listen

STEP = {**EXAMPLES["consolidate"], "remaining": 8}
DONE = {**EXAMPLES["consolidate"], "remaining": 0}
WHOLE = event("progress", STEP) + b":\n\n" + event("later", {}) + event("progress", DONE) + event("done", DONE)


@pytest.fixture(autouse=True)
def _no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    async def sleep(_: float) -> None:
        pass

    monkeypatch.setattr(time, "sleep", lambda _: None)
    monkeypatch.setattr(asyncio, "sleep", sleep)


def consolidated(flavour: Flavour, script: Script) -> tuple[Any, list[Any]]:
    told: list[Any] = []
    answer = flavour.done(flavour.scripted(script).space("s").consolidate(budget_memories=9, on_step=told.append))
    return answer, told


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_steps_are_handed_over_as_they_come(size: int, flavour: Flavour) -> None:
    script = Script(stream(*[WHOLE[at : at + size] for at in range(0, len(WHOLE), size)]))
    assert consolidated(flavour, script) == (DONE, [STEP, DONE])
    assert script.lines == ["POST /api/v1/spaces/s/consolidate"]
    assert script.bodies == [{"budget_memories": 9}]
    assert script.seen[0].headers["accept"].startswith("text/event-stream")


def test_steps_can_be_iterated_over(flavour: Flavour) -> None:
    steps = flavour.scripted(Script(stream(WHOLE))).space("s").consolidate_steps()
    with pytest.raises(RuntimeError, match="not read to its end"):
        _ = steps.result
    assert flavour.all(steps) == [STEP, DONE]
    assert steps.result == DONE
    assert flavour.all(steps) == []


def test_a_step_is_told_before_the_next_one_is_read(flavour: Flavour) -> None:
    pieces = Pieces(event("progress", STEP), event("progress", DONE), event("done", DONE))
    answer = httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=pieces)
    taken: list[int] = []
    space = flavour.scripted(Script(answer)).space("s")
    flavour.done(space.consolidate(on_step=lambda _: taken.append(pieces.taken)))
    assert taken == [1, 2]


def test_who_is_told_may_be_async() -> None:
    flavour = make_flavour("async")
    told = []

    async def tell(step: Any) -> None:
        told.append(step)

    flavour.done(flavour.scripted(Script(stream(WHOLE))).space("s").consolidate(on_step=tell))
    flavour.close()
    assert told == [STEP, DONE]


def test_without_a_listener_there_is_no_stream(flavour: Flavour) -> None:
    script = Script(good("consolidate"))
    assert flavour.done(flavour.scripted(script).space("s").consolidate()) == EXAMPLES["consolidate"]
    assert script.seen[0].headers["accept"].startswith("application/json")


def test_an_older_server_answers_when_all_is_done(flavour: Flavour) -> None:
    assert consolidated(flavour, Script(good("consolidate"))) == (EXAMPLES["consolidate"], [])


def test_what_was_refused_before_it_began_is_asked_again(flavour: Flavour) -> None:
    busy = stream(event("problem", problem()))
    script = Script(bad(), busy, stream(WHOLE))
    assert consolidated(flavour, script) == (DONE, [STEP, DONE])
    assert busy.is_closed


def test_what_has_begun_is_not_asked_again(flavour: Flavour) -> None:
    script = Script(stream(event("progress", STEP), event("problem", problem())))
    with pytest.raises(RetryLaterError):
        consolidated(flavour, script)
    assert len(script.seen) == 1


def test_a_refusal_is_a_problem(flavour: Flavour) -> None:
    with pytest.raises(FixRequestError):
        consolidated(flavour, Script(bad("out_of_range", 400)))


def test_a_stream_that_ends_too_soon_is_told(flavour: Flavour) -> None:
    told: list[Any] = []
    script = Script(stream(event("progress", STEP), event("done", DONE)[:-1]))
    with pytest.raises(TransportError, match="ended before the work did"):
        flavour.done(flavour.scripted(script).space("s").consolidate(on_step=told.append))
    assert told == [STEP]


def test_a_stream_that_breaks_is_told(flavour: Flavour) -> None:
    steps = flavour.scripted(Script(stream(event("progress", STEP), httpx.ReadError("lost")))).space("s")
    steps = steps.consolidate_steps()
    with pytest.raises(TransportError, match="lost"):
        flavour.all(steps)
    assert flavour.all(steps) == []
    with pytest.raises(RuntimeError):
        _ = steps.result


@pytest.mark.parametrize("data", [b"event: progress\ndata: {\n\n", b"event: done\ndata: {}\n\n", b"data: \xff\n\n"])
def test_events_that_are_not_engrams_are_told(data: bytes, flavour: Flavour) -> None:
    answer = stream(data, event("done", DONE))
    with pytest.raises(DecodeError):
        flavour.all(flavour.scripted(Script(answer)).space("s").consolidate_steps())
    assert answer.is_closed


def test_who_reads_no_further_closes_the_stream(flavour: Flavour) -> None:
    answer = stream(event("progress", STEP), event("progress", DONE), event("done", DONE))
    steps = flavour.scripted(Script(answer)).space("s").consolidate_steps()
    first = next(steps) if hasattr(steps, "__next__") else flavour.done(anext(steps))
    assert first == STEP
    assert not answer.is_closed
    flavour.stop(steps)
    assert answer.is_closed
    assert flavour.all(steps) == []


def test_a_listener_that_fails_closes_the_stream(flavour: Flavour) -> None:
    answer = stream(event("progress", STEP), event("done", DONE))

    def fail(_: Any) -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        flavour.done(flavour.scripted(Script(answer)).space("s").consolidate(on_step=fail))
    assert answer.is_closed


def test_a_cancelled_task_closes_its_stream() -> None:
    class Silent(httpx.AsyncByteStream):
        closed = False

        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield event("progress", STEP)
            await asyncio.Event().wait()

        async def aclose(self) -> None:
            self.closed = True

    silent = Silent()
    answer = httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=silent)
    told: list[Any] = []

    async def ask() -> None:
        http = httpx.AsyncClient(transport=httpx.MockTransport(Script(answer)))
        space = AsyncClient(http_client=http).space("s")
        await asyncio.wait_for(space.consolidate(on_step=told.append), 0.05)

    with pytest.raises(asyncio.TimeoutError):
        asyncio.run(ask())
    assert told == [STEP]
    assert silent.closed


def test_a_feed_gives_events_with_their_ids(flavour: Flavour) -> None:
    path = "/api/v1/spaces/{space}/feed"
    feed = Operation[Any]("feed", "GET", path, "read", frozenset(), frozenset({"after"}), idempotent=True)
    script = Script(bad(), stream(b"id: 8\n" + event("change", {"lsn": 8}), event("change", {"lsn": 9})))
    events = flavour.scripted(script).space("s")._listen(feed, {"after": 7})
    found = [(one.name, json.loads(one.data), one.id) for one in flavour.all(events)]
    assert found == [("change", {"lsn": 8}, "8"), ("change", {"lsn": 9}, "8")]
    assert script.lines == ["GET /api/v1/spaces/s/feed?after=7"] * 2
    assert events.result is None


def test_a_feed_ends_with_a_problem_or_without_a_stream(flavour: Flavour) -> None:
    feed = Operation[Any]("feed", "GET", "/feed", "read", frozenset(), idempotent=True)
    script = Script(stream(event("change", {}), event("problem", problem())), httpx.Response(200, json={}))
    client = flavour.scripted(script)
    with pytest.raises(RetryLaterError):
        flavour.all(client._listen(feed, {}))
    with pytest.raises(DecodeError, match="no stream of events"):
        flavour.all(client._listen(feed, {}))


def test_scripts_do_nothing_by_themselves(flavour: Flavour) -> None:
    script = Script()
    client = flavour.scripted(script)
    call = client._prepare(Operation[Any]("feed", "GET", "/feed", "read", frozenset(), idempotent=True), {})
    listen(call, client._options).close()
    client.space("s").consolidate_steps()
    assert script.seen == []
