"""What the sync and the async client need of httpx, whichever way they call it."""

from __future__ import annotations

from typing import Any

import httpx

from ._options import Options
from ._script import EffectError, Head, Open


def client_settings(options: Options) -> dict[str, Any]:
    """Arguments for an HTTP client of our own.

    `trust_env`: an address on this machine must not take the way over a proxy of the environment, nor a request carry
    the credentials of a file that nobody named.
    """
    needs_tls = options.base_url.startswith("https:")
    return {"verify": options.ssl_context() if needs_tls else False, "trust_env": False}


def request(client: httpx.Client | httpx.AsyncClient, effect: Open) -> httpx.Request:
    """The request that an effect asks for."""
    timeouts = effect.timeouts
    return client.build_request(
        effect.method,
        effect.url,
        headers=effect.headers,
        content=effect.body,
        timeout=httpx.Timeout(timeouts.silence_seconds, connect=timeouts.connect_seconds),
    )


def head(response: httpx.Response) -> Head:
    """How the answer begins."""
    return Head(response.status_code, response.headers)


def broken(error: Exception) -> EffectError:
    """Why an effect could not be carried out."""
    message = str(error) or type(error).__name__
    timed_out = isinstance(error, (httpx.TimeoutException, TimeoutError))
    return EffectError(message, timed_out)


# Some errors of a socket come through an async client as they are, that of a refused certificate for one.
FAILURES = (httpx.HTTPError, httpx.InvalidURL, OSError)
