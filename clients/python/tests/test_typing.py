"""What a type checker says about programs that use the client."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = """
from datetime import datetime

from typing_extensions import assert_type

from engram_client import AsyncClient, Client, EventStream, models

space = Client().space("notes")
vector: list[int] = [1, 2]
filter: models.FilterInput = {"tags": ["x"], "not": {"or": [{"place": "Bern"}]}, "metadata": {"n": {"in": [1]}, "m": 2}}

stored = space.remember(text="x", tags=["a"], vector=vector, occurred_at=datetime.now(), decay={"law": "power"})
assert_type(stored, models.RememberResponse)
assert_type(stored["lsn"], int)
assert_type(space.recall(text="x", filter=filter, as_of=7)["items"][0]["memory"].get("text"), str | None)
assert_type(space.consolidate(on_step=lambda step: print(step["formed"])), models.ConsolidateResponse)
assert_type(space.consolidate_steps(), EventStream[models.ConsolidateResponse, models.ConsolidateResponse])
space.associate(from_="a", to="b")
space.update(id="a", set={"place": None})
space.update(id="a", memory=space.history(id="a")["versions"][0]["memory"])
for result in space.remember_many(memories=[{"text": "x"}])["results"]:
    if "stored" in result:
        print(result["stored"]["id"])
    else:
        print(result["refused"]["code"])
for memory in space.iter_memories():
    assert_type(memory, models.MemoryView)

space.remember(text="x", tags="travel")  # wrong
space.remember(text="x", kind="dream")  # wrong
space.remember(text="x", colour="green")  # wrong
space.remember(text="x", decay={"law": "none"})  # wrong
space.remember("x")  # wrong
space.get()  # wrong
space.recall(filter={"tagz": ["x"]})  # wrong
space.spread(seeds=[{"activation": 1}])  # wrong
space.version()  # wrong
stored["id"] + 1  # wrong
stored["colour"]  # wrong


async def main() -> None:
    async with AsyncClient() as client:
        other = client.space("notes")
        assert_type(await other.get(id="a"), models.MemoryView)
        async for belief in other.iter_beliefs():
            assert_type(belief, models.BeliefView)
        other.get(id="a")["id"]  # wrong
"""


def test_mypy_finds_what_is_wrong_and_nothing_else(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM, encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file", "", "--cache-dir", str(tmp_path / "cache")]
    checked = subprocess.run([*command, str(program)], capture_output=True, text=True, check=False, cwd=tmp_path)
    wrong = [number for number, line in enumerate(PROGRAM.splitlines(), 1) if line.endswith("# wrong")]
    found = [int(line.split(":")[1]) for line in checked.stdout.splitlines() if ": error:" in line]
    assert sorted(set(found)) == wrong, checked.stdout + checked.stderr
