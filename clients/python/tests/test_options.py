"""How a client is set up, and that nothing else has a say in it."""

from __future__ import annotations

import asyncio
import http.server
import ssl
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme
from flavours import URL, Flavour
from scripted import Script, bad, good

from engram_client import AsyncClient, Client, DecodeError, FixRequestError, TransportError
from engram_client._options import Options


@pytest.mark.parametrize("url", ["", "127.0.0.1:7432", "ftp://a", "http://", "http:///a", "http://a?x=1", "http://a b"])
def test_wrong_addresses_are_refused(url: str, flavour: Flavour) -> None:
    with pytest.raises(ValueError, match="is not the address of a server"):
        flavour.client(url)


@pytest.mark.parametrize(
    "options",
    [
        {"api_key": ""},
        {"api_key": "two\nlines"},
        {"api_key": "schlüssel"},
        {"connect_timeout_seconds": 0},
        {"request_timeout_seconds": float("nan")},
        {"answer_bytes_max": 0},
        {"retries_max": -1},
        {"retry_wait_seconds": -0.1},
        {"retry_wait_seconds_max": -1},
        {"oldest_tls": "1.1"},
    ],
    ids=lambda options: next(iter(options)),
)
def test_wrong_options_are_refused(options: dict[str, Any], flavour: Flavour) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        flavour.client(URL, **options)


@pytest.mark.parametrize("options", [{"ca_file": "ca.pem"}, {"client_cert": "client.pem"}, {"oldest_tls": "1.3"}])
def test_tls_options_are_not_lost_in_silence(options: dict[str, Any], flavour: Flavour) -> None:
    with pytest.raises(ValueError, match="http_client"):
        flavour.scripted(Script(), **options)


def test_the_address_loses_its_last_slash(flavour: Flavour) -> None:
    client = flavour.client("http://127.0.0.1:7432/")
    assert client.base_url == "http://127.0.0.1:7432"
    assert client.space("notes").name == "notes"
    assert repr(client.space("notes")).endswith("Client('http://127.0.0.1:7432').space('notes')")
    flavour.stop(client)


def test_the_key_is_not_shown(flavour: Flavour) -> None:
    client = flavour.scripted(Script(), api_key="secret")
    assert "secret" not in repr(client) + repr(client.space("notes")) + repr(client._options)


def test_time_limits_are_those_of_the_options(flavour: Flavour) -> None:
    script = Script(good("version"), good("consolidate"))
    client = flavour.scripted(script, connect_timeout_seconds=2, request_timeout_seconds=7)
    flavour.done(client.version())
    flavour.done(client.space("s").consolidate(on_step=print))
    limits = [request.extensions["timeout"] for request in script.seen]
    assert limits[0] == {"connect": 2, "read": 7, "write": 7, "pool": 7}
    # A server that is at work says so every ten seconds.
    assert limits[1] == {"connect": 2, "read": 30, "write": 30, "pool": 30}


def test_the_environment_has_no_say(flavour: Flavour, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else", encoding="utf-8")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("ENGRAM_SERVER", "http://127.0.0.1:1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    with web_server() as (url, seen):
        client = flavour.client(url)
        with pytest.raises(Exception, match="answered with status 404"):
            flavour.done(client.version())
        flavour.stop(client)
    assert [path for path, _ in seen] == ["/api/v1/version"]
    assert seen[0][1]["authorization"] is None
    client = Client()
    assert client.base_url == "http://127.0.0.1:7432"
    client.close()


def test_a_client_closes_its_connections_and_no_other() -> None:
    with Client(URL) as client:
        pass
    assert client._http.is_closed
    with httpx.Client() as http:
        with Client(URL, http_client=http):
            pass
        assert not http.is_closed


def test_an_async_client_closes_its_connections_and_no_other() -> None:
    async def check() -> None:
        async with AsyncClient(URL) as client:
            pass
        assert client._http.is_closed
        async with httpx.AsyncClient() as http:
            async with AsyncClient(URL, http_client=http):
                pass
            assert not http.is_closed

    asyncio.run(check())


def test_retry_waits_are_bounded() -> None:
    options = Options(URL, retry_wait_seconds=1, retry_wait_seconds_max=1e9)
    assert options.retry_wait(10_000, None) == 2.0**16
    assert options.retry_wait(0, 3) == 3


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def tls(authority: trustme.CA) -> ssl.SSLContext:
    """What a server with a certificate of that authority needs."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.fixture
def trusted(authority: trustme.CA, tmp_path: Path) -> Path:
    path = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


def test_a_server_that_nobody_vouches_for_is_refused(flavour: Flavour, tls: ssl.SSLContext) -> None:
    with web_server(tls) as (url, seen):
        client = flavour.client(url)
        with pytest.raises(TransportError, match="certificate verify failed"):
            flavour.done(client.version())
        flavour.stop(client)
    assert seen == []


def test_an_authority_can_be_named(flavour: Flavour, tls: ssl.SSLContext, trusted: Path) -> None:
    with web_server(tls) as (url, seen):
        for ca_file in (trusted, str(trusted)):
            client = flavour.client(url, ca_file=ca_file)
            with pytest.raises(Exception, match="answered with status 404"):
                flavour.done(client.version())
            flavour.stop(client)
    assert len(seen) == 2


def test_an_authority_vouches_for_its_names_alone(flavour: Flavour, authority: trustme.CA, trusted: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("engram.test").configure_cert(context)
    with web_server(context) as (url, seen):
        client = flavour.client(url, ca_file=trusted)
        with pytest.raises(TransportError, match="certificate"):
            flavour.done(client.version())
        flavour.stop(client)
    assert seen == []


def test_an_old_protocol_can_be_refused(flavour: Flavour, tls: ssl.SSLContext, trusted: Path) -> None:
    tls.maximum_version = ssl.TLSVersion.TLSv1_2
    with web_server(tls) as (url, seen):
        client = flavour.client(url, ca_file=trusted, oldest_tls="1.3")
        with pytest.raises(TransportError):
            flavour.done(client.version())
        flavour.stop(client)
        assert seen == []
        client = flavour.client(url, ca_file=trusted)
        with pytest.raises(Exception, match="answered with status 404"):
            flavour.done(client.version())
        flavour.stop(client)


def test_files_that_cannot_be_used_are_told(flavour: Flavour, authority: trustme.CA, tmp_path: Path) -> None:
    own, other = authority.issue_cert("a.test"), authority.issue_cert("b.test")
    key, chain, empty = (tmp_path / name for name in ("key.pem", "chain.pem", "empty.pem"))
    other.private_key_pem.write_to_path(str(key))
    own.cert_chain_pems[0].write_to_path(str(chain))
    empty.write_text("secret", encoding="utf-8")
    for options, said in (
        ({"ca_file": tmp_path / "missing.pem"}, "ca_file .*missing.pem cannot be used"),
        ({"ca_file": tmp_path}, "ca_file"),
        ({"ca_file": empty}, "ca_file .*empty.pem cannot be used"),
        ({"client_cert": (chain, key)}, "client_cert .* cannot be used.*mismatch"),
        ({"client_cert": empty}, "client_cert .*empty.pem cannot be used"),
    ):
        with pytest.raises(ValueError, match=said) as told:
            flavour.client("https://127.0.0.1:1", **options)
        assert "secret" not in str(told.value)


def test_a_key_goes_to_its_server_and_to_no_other(flavour: Flavour, tls: ssl.SSLContext, trusted: Path) -> None:
    with web_server() as (elsewhere, told), web_server(tls, elsewhere) as (url, seen):
        client = flavour.client(url, ca_file=trusted, api_key="engram_a_secret_c")
        with pytest.raises(DecodeError) as error:
            flavour.done(client.version())
        assert error.value.status == 307
        flavour.stop(client)
    assert [headers["authorization"] for _, headers in seen] == ["Bearer engram_a_secret_c"]
    assert told == []
    assert "secret" not in str(error.value) + repr(error.value)


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_is_a_problem_and_stays_secret(status: int, flavour: Flavour) -> None:
    client = flavour.scripted(Script(bad("unauthorized", status)), api_key="engram_a_secret_c")
    with pytest.raises(FixRequestError) as error:
        flavour.done(client.version())
    assert error.value.status == status
    assert "secret" not in str(error.value) + repr(error.value)


def test_a_client_can_have_a_certificate(
    flavour: Flavour, tls: ssl.SSLContext, trusted: Path, authority: trustme.CA, tmp_path: Path
) -> None:
    authority.configure_trust(tls)
    tls.verify_mode = ssl.CERT_REQUIRED
    own = authority.issue_cert("client.test")
    key, chain, both = (tmp_path / name for name in ("key.pem", "chain.pem", "both.pem"))
    own.private_key_pem.write_to_path(str(key))
    own.cert_chain_pems[0].write_to_path(str(chain))
    own.private_key_and_cert_chain_pem.write_to_path(str(both))
    with web_server(tls) as (url, seen):
        for cert in ((chain, key), both, str(both)):
            client = flavour.client(url, ca_file=trusted, client_cert=cert)
            with pytest.raises(Exception, match="answered with status 404"):
                flavour.done(client.version())
            flavour.stop(client)
        client = flavour.client(url, ca_file=trusted)
        with pytest.raises(TransportError):
            flavour.done(client.version())
        flavour.stop(client)
    assert len(seen) == 3


@contextmanager
def web_server(
    tls: ssl.SSLContext | None = None, elsewhere: str | None = None
) -> Generator[tuple[str, list[tuple[str, Any]]], None, None]:
    """A server of this machine that has nothing, or sends elsewhere, and notes what it is asked."""
    seen: list[tuple[str, Any]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append((self.path, self.headers))
            self.send_response(404 if elsewhere is None else 307)
            if elsewhere is not None:
                self.send_header("location", elsewhere + self.path)
            self.send_header("content-length", "0")
            self.end_headers()

        log_message: Callable[..., None] = lambda *_: None

    class Server(http.server.HTTPServer):
        def get_request(self) -> Any:
            connection, address = super().get_request()
            # Where the handshake fails, the connection is dropped and the next one served.
            return (tls.wrap_socket(connection, server_side=True) if tls else connection), address

        def handle_error(self, request: Any, client_address: Any) -> None:
            pass

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        scheme = "https" if tls else "http"
        try:
            yield f"{scheme}://127.0.0.1:{server.server_address[1]}", seen
        finally:
            server.shutdown()
            thread.join()
