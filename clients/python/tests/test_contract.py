"""The server keeps to its OpenAPI document, whatever is asked of it.

A minute of it; `schemathesis run … --phases coverage` tries each boundary of each field, which takes several.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.server

CONFIGURATION = Path(__file__).with_name("schemathesis.toml")
# No fault of the server, no status or type of content that is not in the document, no answer that breaks its schema.
CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
]
SECONDS_MAX = 300


def test_made_up_requests_are_answered_as_the_document_says(server: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIGURATION), "run"]
    command += [f"{server}/openapi.json", "--checks", ",".join(CHECKS), "--phases", "examples,fuzzing"]
    command += ["--warnings", "off", "--continue-on-failure"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=SECONDS_MAX, check=False)
    assert ran.returncode == 0, ran.stdout[-20_000:] + ran.stderr[-2_000:]
