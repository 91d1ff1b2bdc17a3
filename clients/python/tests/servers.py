"""A real server for tests."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

BINARY = "ENGRAM_BINARY"
STOP_SECONDS_MAX = 30


@contextmanager
def running_server(folder: Path) -> Generator[str, None, None]:
    """Starts a server on a free port of 127.0.0.1 with its data in this folder; gives its address."""
    command = [os.environ[BINARY], "start", "--http", "127.0.0.1:0", "--grpc", "off"]
    command += ["--data-dir", str(folder / "data"), "--log-level", "warn", "--output", "json"]
    # What the environment says about a server or its configuration is about another one.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ENGRAM_")}
    log = folder / "log"
    with log.open("wb") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, env=environment)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"the server did not start: {log.read_text(encoding='utf-8', errors='replace')}")
        yield json.loads(line)["url"]
    finally:
        process.terminate()
        process.wait(STOP_SECONDS_MAX)
        if process.stdout is not None:
            process.stdout.close()
