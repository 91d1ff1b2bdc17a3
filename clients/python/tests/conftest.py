"""Fixtures: a server, and both clients behind one face."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from flavours import Flavour, make_flavour
from servers import BINARY, running_server


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a server that runs as long as the tests do."""
    if not os.environ.get(BINARY):
        message = f"{BINARY} must name the engram binary"
        if "server" in (request.config.getoption("markexpr") or ""):
            pytest.fail(message)
        pytest.skip(message)
    folder: Path = tmp_path_factory.mktemp("server")
    with running_server(folder) as url:
        yield url


@pytest.fixture(params=["sync", "async"])
def flavour(request: pytest.FixtureRequest) -> Iterator[Flavour]:
    """The sync or the async client, to be used in the same way."""
    made = make_flavour(request.param)
    yield made
    made.close()
