"""Networks as they are: certificates, proxies, `.netrc`, cookies, names and ports that lead nowhere."""

from __future__ import annotations

import base64
import re
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_aep.flow_service import errors
from tests.harness import raw_server as raw
from tests.harness.connections import MakeHook, chain
from tests.harness.emulator import Emulator
from tests.harness.raw_server import Authority, RawServer, reply, unused_port
from tests.harness.secret_search import all_of

EMPTY = reply(200, {"items": []})


def refused(hook: Any) -> errors.AepConnectError:
    """The error of a call that never leaves; it holds nothing of requests' and no secret."""
    with pytest.raises(errors.AepConnectError, match="was not sent") as caught:
        hook.list_connections()
    error = caught.value
    assert not error.may_have_happened
    assert all(isinstance(one, errors.AepError) for one in chain(error))
    return error


@pytest.fixture
def tls_server(authority: Authority) -> Iterator[RawServer]:
    with RawServer(EMPTY, tls=authority.server) as server:
        yield server


def test_a_certificate_of_an_unknown_authority_is_refused(make_hook: MakeHook, tls_server: RawServer) -> None:
    """A company proxy opens TLS: the message leads to `verify`, and a retry cannot help."""
    error = refused(make_hook(tls_server.url))
    assert error.culprit == "certificate"
    assert not error.retryable
    assert "`verify`" in str(error)
    assert f"the certificate of {tls_server.url} (`ims_host` of the Airflow connection" in str(error)
    assert "not trusted: self-signed certificate in certificate chain." in str(error) or "issuer" in str(
        error
    )
    assert tls_server.tokens == []


def test_verify_trusts_a_company_s_authority(
    make_hook: MakeHook, tls_server: RawServer, authority: Authority
) -> None:
    """That is what the setting is for."""
    assert make_hook(tls_server.url, extra={"verify": str(authority.bundle)}).list_connections() == []


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_the_environments_bundle_is_trusted(
    make_hook: MakeHook,
    tls_server: RawServer,
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    """Many images set it for everybody."""
    hook = make_hook(tls_server.url)
    monkeypatch.setenv(name, str(authority.bundle))
    assert hook.list_connections() == []


def test_a_certificate_for_another_name_is_refused(
    make_hook: MakeHook, tls_server: RawServer, authority: Authority
) -> None:
    """Trusted, but somebody else's."""
    url = f"https://localhost:{tls_server.port}"
    error = refused(make_hook(url, extra={"verify": str(authority.bundle), "ims_host": url}))
    assert error.culprit == "certificate"


@pytest.mark.parametrize("content", ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_a_bundle_that_is_no_bundle_is_named(
    make_hook: MakeHook, tls_server: RawServer, tmp_path: Path, content: str
) -> None:
    """The path is right, the file is not."""
    bundle = tmp_path / "ca.pem"
    bundle.write_text(content)
    with pytest.raises(errors.AepConfigError, match="`verify`") as caught:
        make_hook(tls_server.url, extra={"verify": str(bundle)}).list_connections()
    assert all(isinstance(one, errors.AepError) for one in chain(caught.value))


def test_https_to_a_plain_http_port_is_told(make_hook: MakeHook, waits: Any, emulator: Emulator) -> None:
    """Not a matter of certificates: the scheme or the port is wrong."""
    error = refused(make_hook(f"https://{emulator.host}"))
    assert error.culprit == "host"
    assert "TLS" in str(error)
    assert emulator.requests() == []


def test_a_handshake_that_never_ends_is_bounded(make_hook: MakeHook, waits: Any) -> None:
    """A port that accepts and says nothing."""
    with RawServer(EMPTY) as server:
        begin = time.monotonic()
        error = refused(make_hook(f"https://127.0.0.1:{server.port}", extra={"timeout": 0.5}))
        assert time.monotonic() - begin < 30
    assert error.culprit == "host"


def test_http_to_a_tls_port_is_told(make_hook: MakeHook, waits: Any, tls_server: RawServer) -> None:
    """The other way round."""
    url = f"http://127.0.0.1:{tls_server.port}"
    with pytest.raises(errors.AepTransportError):
        make_hook(url).list_connections()


def test_a_tls_error_after_the_request_left_may_have_happened(
    make_hook: MakeHook, authority: Authority
) -> None:
    """If this counted as "never sent", a create would be sent again without listing first."""

    def garble(peer: raw.Peer) -> None:
        with socket.socket(fileno=peer.sock.detach()) as plain:
            plain.sendall(b"no TLS record at all, but plenty of text to read")

    with RawServer(garble, tls=authority.server) as server:
        hook = make_hook(server.url, extra={"verify": str(authority.bundle)})
        with pytest.raises(errors.AepTransportError) as caught:
            hook.run("connections", method="POST", json={})
        assert len(server.requests) == 1
    assert caught.value.may_have_happened


def test_a_port_nobody_listens_at(make_hook: MakeHook, waits: Any) -> None:
    """The client retries, since services restart; then the error names the setting to check."""
    error = refused(make_hook(f"http://127.0.0.1:{unused_port()}"))
    assert error.culprit == "host"
    assert error.retryable
    assert "Check `ims_host`" in str(error)
    assert len(waits) == 3


@pytest.mark.parametrize("dead", ["host", "ims_host"])
def test_a_connect_error_names_address_setting_connection_and_cause(
    make_hook: MakeHook, emulator: Emulator, waits: Any, dead: str
) -> None:
    """A dead `ims_host` is not put down to `host`; the system's own words tell a firewall from a typo."""
    url = f"http://127.0.0.1:{unused_port()}"
    urls = {"host": emulator.url, "ims_host": emulator.url, dead: url}
    error = refused(make_hook(urls["host"], conn_id="aep_two", extra={"ims_host": urls["ims_host"]}))
    where = (
        f"{url} (`{dead}` of the Airflow connection 'aep_two'): Connection refused. Check `{dead}`, scheme"
    )
    assert f"was not sent: could not connect to {where}" in str(error)
    assert ("`host`" in str(error)) is (dead == "host")


def test_a_name_nobody_knows(make_hook: MakeHook, waits: Any) -> None:
    """`.invalid` exists nowhere."""
    error = refused(make_hook("https://aep.invalid"))
    assert error.culprit == "host"
    assert re.search(r"https://aep\.invalid \(`ims_host` of [^)]+\): \w+.* Check", str(error)), error


def test_an_error_that_the_caller_deals_with_is_no_cause_of_ours(make_hook: MakeHook) -> None:
    """A create in somebody's `except ConnectionRefusedError` that loses its reply may have happened."""
    with RawServer(raw.reset) as server:
        hook = make_hook(server.url)
        try:
            raise ConnectionRefusedError
        except ConnectionRefusedError:
            with pytest.raises(errors.AepConnectionLostError) as caught:
                hook.run("connections", method="POST", json={})
    assert caught.value.may_have_happened


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_the_environments_proxy_is_used(
    make_hook: MakeHook, monkeypatch: pytest.MonkeyPatch, emulator: Emulator, name: str
) -> None:
    """Workers in many networks reach Adobe by no other way."""
    with RawServer(EMPTY) as proxy:
        hook = make_hook("http://127.0.0.1:9")
        monkeypatch.setenv(name, proxy.url)
        assert hook.list_connections() == []
        assert proxy.requests[0].path.startswith("http://127.0.0.1:9/data/foundation/flowservice/connections")


@pytest.mark.parametrize("value", ["127.0.0.1", "*", "example.com, 127.0.0.1"])
def test_no_proxy_is_honoured(
    make_hook: MakeHook, monkeypatch: pytest.MonkeyPatch, emulator: Emulator, value: str
) -> None:
    """The client connects to these hosts without the proxy."""
    hook = make_hook(emulator.url)
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{unused_port()}")
    monkeypatch.setenv("NO_PROXY", value)
    assert hook.list_connections() == []


PROXIES = {
    "not there": None,
    "refuses to connect": reply(403, b"Forbidden", "text/plain"),
    "wants a password": reply(407, b"", "text/plain", proxy_authenticate="Basic"),
    "hangs up": raw.hang_up,
}


@pytest.mark.parametrize("answer", PROXIES.values(), ids=PROXIES.keys())
def test_a_proxy_that_refuses_is_named(
    make_hook: MakeHook, monkeypatch: pytest.MonkeyPatch, waits: Any, answer: Any
) -> None:
    """Not Adobe, not the credentials: the proxy."""
    with RawServer(answer or EMPTY) as proxy:
        port = proxy.port if answer else unused_port()
        hook = make_hook("https://platform.example")
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:pr0xy-s3cret@127.0.0.1:{port}")
        error = refused(hook)
        ok, message = hook.test_connection()
    assert error.culprit == "proxy"
    assert not ok
    assert "proxy" in message
    for text in (all_of(error), message):
        assert "pr0xy-s3cret" not in text
        assert base64.b64encode(b"user:pr0xy-s3cret").decode() not in text


def test_netrc_never_replaces_the_token(
    make_hook: MakeHook, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """`requests` would send a `.netrc` entry for the host as Basic, in place of our Bearer."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\ndefault login a password b\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".netrc").write_text(netrc.read_text())
    with RawServer(EMPTY) as server:
        make_hook(server.url).list_connections()
        assert server.requests[0].headers["authorization"] == f"Bearer {raw.TOKEN}"
        assert "authorization" not in server.tokens[0].headers


def test_cookies_are_neither_kept_nor_sent_back(make_hook: MakeHook) -> None:
    """A session cookie would tie our calls to one of Adobe's nodes, or to another credential."""
    with RawServer(reply(200, {"items": []}, set_cookie="who=me; Path=/")) as server:
        hook = make_hook(server.url)
        hook.list_connections()
        hook.list_connections()
        assert [one.headers.get("cookie") for one in server.requests] == [None, None]
        assert list(hook.get_conn().cookies) == []


def test_a_hook_keeps_one_tcp_connection(make_hook: MakeHook) -> None:
    """Token and all calls, siblings for other sandboxes too: handshakes cost more than calls."""
    with RawServer(EMPTY) as server:
        hook = make_hook(server.url)
        for _ in range(5):
            hook.list_connections()
        hook.for_sandbox("dev").list_connections()
        assert server.connections == 1


def test_an_idle_connection_that_was_closed_is_opened_anew(make_hook: MakeHook, waits: Any) -> None:
    """A load balancer closes it between two calls of a long task; even a create must then go through."""

    closed = threading.Semaphore(0)

    def answer_and_close(peer: raw.Peer) -> None:
        peer.send(reply(201, {"id": "1"}))
        peer.close()
        closed.release()

    with RawServer(answer_and_close) as server:
        hook = make_hook(server.url)
        for _ in range(3):
            assert hook.run("connections", method="POST", json={}).json() == {"id": "1"}
            assert closed.acquire(timeout=20)
        assert len(server.requests) == 3


def test_extras_never_leave_as_headers(make_hook: MakeHook) -> None:
    """The http provider sends a connection's extras as request headers."""
    with RawServer(EMPTY) as server:
        extra = {"tenant": "acme", "x-evil": "1", "scopes": "openid"}
        make_hook(server.url, extra=extra).list_connections()
        sent = server.requests[0].headers
    assert set(sent) == {
        "host", "user-agent", "accept", "accept-encoding", "authorization", "x-api-key", "x-gw-ims-org-id",
        "x-sandbox-name",
    }  # fmt: skip
