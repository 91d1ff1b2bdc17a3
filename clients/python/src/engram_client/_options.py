"""How a client talks to its server: plain values, checked once, nothing read from the environment."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import httpx

from ._version import __version__

Verify: TypeAlias = "bool | str | Path"
"""Whom to trust over TLS: the usual authorities, nobody in particular, or those of a file or folder (PEM)."""

Cert: TypeAlias = "str | Path | tuple[str | Path, str | Path]"
"""The client's certificate: one PEM file with its key, or a file each."""

SILENCE_SECONDS_MAX = 30.0
"""Longest silence of a server that is at work on a stream: three times as long as it takes to say so."""


@dataclass(frozen=True)
class Timeouts:
    """How long to wait for a connection, and for the next bytes on it."""

    connect_seconds: float
    silence_seconds: float


@dataclass(frozen=True)
class Options:
    """Settings of a client."""

    base_url: str
    api_key: str | None = field(default=None, repr=False)
    connect_timeout_seconds: float = 5.0
    request_timeout_seconds: float = 120.0
    retries_max: int = 4
    retry_wait_seconds: float = 0.1
    retry_wait_seconds_max: float = 5.0
    answer_bytes_max: int = 256 << 20
    verify: Verify = True
    cert: Cert | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "base_url", _base_url(self.base_url))
        key = self.api_key
        if key is not None and (not key or not key.isascii() or not key.isprintable()):
            raise ValueError("api_key must be printable ASCII")
        for name in ("connect_timeout_seconds", "request_timeout_seconds", "answer_bytes_max"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0")
        for name in ("retries_max", "retry_wait_seconds", "retry_wait_seconds_max"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must not be below 0")

    @property
    def timeouts(self) -> Timeouts:
        """For a call with one answer."""
        return Timeouts(self.connect_timeout_seconds, self.request_timeout_seconds)

    @property
    def stream_timeouts(self) -> Timeouts:
        """For a stream: it may last, and the server says every few seconds that it is at work."""
        silence = max(self.request_timeout_seconds, SILENCE_SECONDS_MAX)
        return Timeouts(self.connect_timeout_seconds, silence)

    @property
    def headers(self) -> dict[str, str]:
        """Headers of every request."""
        headers = {"user-agent": f"engram-client-python/{__version__}"}
        if self.api_key is not None:
            headers["authorization"] = f"Bearer {self.api_key}"
        return headers

    def retry_wait(self, tries: int, asked_seconds: float | None) -> float:
        """Seconds to wait after so many tries: as long as the server asks for, else ever longer."""
        doubled: float = self.retry_wait_seconds * 2 ** min(tries, 16)
        wait = doubled if asked_seconds is None else asked_seconds
        return min(wait, self.retry_wait_seconds_max)

    def ssl_context(self) -> ssl.SSLContext:
        """What the TLS options ask for."""
        match self.verify:
            case True:
                context = httpx.create_ssl_context(trust_env=False)
            case False:
                context = ssl.create_default_context()
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            case path if Path(path).is_dir():
                context = ssl.create_default_context(capath=str(path))
            case path:
                context = ssl.create_default_context(cafile=str(path))
        if isinstance(self.cert, tuple):
            context.load_cert_chain(*self.cert)
        elif self.cert is not None:
            context.load_cert_chain(self.cert)
        return context

    def refuse_own_tls(self) -> None:
        """A given HTTP client has TLS settings of its own: these would be left out in silence."""
        if self.verify is not True or self.cert is not None:
            raise ValueError("verify and cert have no effect with http_client: set them there")


def _base_url(url: str) -> str:
    url = url.rstrip("/")
    scheme, separator, host = url.partition("://")
    if not separator or scheme not in ("http", "https"):
        raise ValueError(f"{url!r} is not the address of a server: it must start with http:// or https://")
    if not host or host.startswith("/"):
        raise ValueError(f"{url!r} is not the address of a server: the host is missing")
    if any(sign in url for sign in "?# "):
        raise ValueError(f"{url!r} is not the address of a server: it holds more than scheme, host, port and path")
    return url
