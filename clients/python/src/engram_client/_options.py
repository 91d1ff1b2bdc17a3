"""How a client talks to its server: plain values, checked once, nothing read from the environment."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

import httpx

from ._version import __version__

ClientCert: TypeAlias = "str | Path | tuple[str | Path, str | Path]"
"""The client's certificate: one PEM file with its key, or a file each."""

OldestTls: TypeAlias = Literal["1.2", "1.3"]
"""Versions of TLS with which a client can begin."""

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
    ca_file: str | Path | None = None
    client_cert: ClientCert | None = None
    oldest_tls: OldestTls = "1.2"

    def __post_init__(self) -> None:
        object.__setattr__(self, "base_url", _base_url(self.base_url))
        key = self.api_key
        if key is not None and (not key or not key.isascii() or not key.isprintable()):
            raise ValueError("api_key must be printable ASCII")
        if self.oldest_tls not in _TLS_VERSIONS:
            raise ValueError('oldest_tls must be "1.2" or "1.3"')
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
        """What the TLS options ask for.

        Raises:
            ValueError: A file cannot be used. What stands there is not told.
        """
        if self.ca_file is None:
            context = httpx.create_ssl_context(trust_env=False)
        else:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            with _usable("ca_file", self.ca_file):
                context.load_verify_locations(cafile=str(self.ca_file))
        own = self.client_cert
        if own is not None:
            chain, key = own if isinstance(own, tuple) else (own, None)
            with _usable("client_cert", own):
                # Without a password the library would ask for one on the terminal.
                context.load_cert_chain(chain, key, password=_no_password)
        context.minimum_version = _TLS_VERSIONS[self.oldest_tls]
        return context

    def refuse_own_tls(self) -> None:
        """A given HTTP client has TLS settings of its own: these would be left out in silence."""
        if self.ca_file is not None or self.client_cert is not None or self.oldest_tls != "1.2":
            raise ValueError("ca_file, client_cert and oldest_tls have no effect with http_client: set them there")


_TLS_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


def _no_password() -> bytes:
    raise ValueError("its key has a passphrase: take that away")


@contextmanager
def _usable(name: str, place: object) -> Iterator[None]:
    """Says which option names a file that cannot be used."""
    try:
        yield
    except (OSError, ValueError) as error:
        # An `SSLError` is an `OSError`.
        raise ValueError(f"{name} {place!s} cannot be used: {error}") from error


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
