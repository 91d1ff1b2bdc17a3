"""Both clients and a real server, beyond what the conformance cases can say."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from flavours import Flavour

from engram_client import AsyncClient, Client, TransportError

pytestmark = pytest.mark.server
README = Path(__file__).resolve().parents[1] / "README.md"
NAMES = iter(range(1_000_000))


def new_space(flavour: Flavour, client: Any) -> Any:
    """A space of its own."""
    name = f"own-{next(NAMES)}"
    flavour.done(client.create_space(name=name, dimension=3, embedder="none"))
    return client.space(name)


def test_a_server_is_ready(flavour: Flavour, server: str) -> None:
    client = flavour.client(server)
    flavour.done(client.ready())
    flavour.stop(client)


class LosesAnswers(httpx.HTTPTransport):
    """A line that breaks after the server has done what it was asked, each second time."""

    def __init__(self) -> None:
        super().__init__()
        self.requests = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = super().handle_request(request)
        self.requests += 1
        if self.requests % 2:
            response.read()
            response.close()
            raise httpx.ReadError("the line broke")
        return response


class LosesAnswersAsync(httpx.AsyncHTTPTransport):
    """The same for the async client."""

    def __init__(self) -> None:
        super().__init__()
        self.requests = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await super().handle_async_request(request)
        self.requests += 1
        if self.requests % 2:
            await response.aread()
            await response.aclose()
            raise httpx.ReadError("the line broke")
        return response


def test_a_write_whose_answer_is_lost_is_stored_once(flavour: Flavour, server: str) -> None:
    lossless = flavour.client(server)
    space = new_space(flavour, lossless)
    transport: Any = LosesAnswers() if isinstance(lossless, Client) else LosesAnswersAsync()
    http: Any = httpx.Client if isinstance(lossless, Client) else httpx.AsyncClient
    lossy = flavour.client(server, http_client=http(transport=transport))
    writer = lossy.space(space.name)

    stored = flavour.done(writer.remember(text="only once"))
    assert stored["created"] is True
    many = flavour.done(writer.remember_many(memories=[{"text": "one"}, {"text": "two"}]))
    assert many["created"] == 2
    updated = flavour.done(writer.update(id=stored["id"], set={"text": "twice, not thrice"}, if_version=1))
    assert (updated["updated"], updated["version"]) == (True, 2)
    assert transport.requests == 6
    assert flavour.done(space.space_stats())["memories"] == 3
    assert [one["version"] for one in flavour.all(space.iter_history(id=stored["id"], limit=1))] == [2, 1]

    with pytest.raises(TransportError):
        flavour.done(writer.remember(id="named", text="the caller decides"))
    flavour.stop(lossy)
    flavour.done(lossy._http.aclose()) if isinstance(lossy, AsyncClient) else lossy._http.close()
    flavour.stop(lossless)


def test_all_pages_of_each_listing(flavour: Flavour, server: str) -> None:
    client = flavour.client(server)
    space = new_space(flavour, client)
    ids = [f"m{number}" for number in range(7)]
    runs = [
        {"id": f"run{number}", "text": "Ada runs along the lake", "people": ["Ada"], "vector": [1, number / 100, 0]}
        for number in range(6)
    ]
    flavour.done(space.remember_many(memories=[{"id": one, "text": f"text {one}"} for one in ids]))
    for one in ids[1:]:
        flavour.done(space.associate(from_="m0", to=one))
    assert [one["id"] for one in flavour.all(space.iter_memories(limit=2))] == ids
    assert {one["to"] for one in flavour.all(space.iter_associations(id="m0", limit=4))} == set(ids[1:])
    assert flavour.all(space.iter_marks(limit=1)) == []
    flavour.done(space.remember_many(memories=runs, wait="links"))
    told = flavour.all(space.consolidate_steps())
    beliefs = flavour.all(space.iter_beliefs(limit=1))
    assert [one["memory"]["id"] for one in beliefs] == [formed for step in told for formed in step["formed"]]
    assert beliefs
    flavour.stop(client)


def test_a_stream_that_is_left_early_leaves_the_client_usable(flavour: Flavour, server: str) -> None:
    client = flavour.client(server)
    space = new_space(flavour, client)
    memories = [{"id": f"m{number}", "text": f"text {number}"} for number in range(600)]
    flavour.done(space.remember_many(memories=memories, wait="links"))
    steps = space.consolidate_steps()
    first = next(steps) if hasattr(steps, "__next__") else flavour.done(anext(steps))
    flavour.stop(steps)
    assert 0 < first["memories"] < 600
    assert flavour.done(space.space_stats())["memories"] == 600
    flavour.stop(client)


def test_changes_are_told_as_they_come(flavour: Flavour, server: str) -> None:
    client = flavour.client(server)
    space = new_space(flavour, client)
    start = flavour.done(space.changes())["lsn"]
    flavour.done(space.remember(id="a", text="one"))
    flavour.done(space.update(id="a", set={"text": "two"}))
    events = space.changes_events(after=start)
    found = []
    for _ in range(2):
        event = next(events) if hasattr(events, "__next__") else flavour.done(anext(events))
        found.append((event.name, json.loads(event.data)["changes"]))
    flavour.stop(events)
    updated = {"change": "updated", "id": "a", "version": 2}
    assert found == [("commit", [{"change": "remembered", "id": "a"}]), ("commit", [updated])]
    assert flavour.done(space.changes(after=int(event.id)))["commits"] == []
    flavour.stop(client)


def test_the_examples_of_the_readme_run(server: str, capsys: pytest.CaptureFixture[str]) -> None:
    examples = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert len(examples) == 6
    names: dict[str, Any] = {"__name__": "readme"}
    for example in examples:
        exec(compile(example.replace("http://127.0.0.1:7432", server), str(README), "exec"), names)
    shown = capsys.readouterr().out.splitlines()
    assert shown[0].endswith("Ada prefers window seats on trains")
    assert [line for line in shown if line.startswith("memory_not_found ")]
