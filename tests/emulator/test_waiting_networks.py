"""The asynchronous side on the networks there are: TLS, proxies, `.netrc`, redirects, sizes, silence."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_aep.flow_service import errors
from airflow_provider_aep.flow_service.requests import Call
from airflow_provider_aep.hooks.aio import AsyncFlowService
from tests.harness import canary
from tests.harness import raw_server as raw
from tests.harness.connections import MakeHook
from tests.harness.emulator import CLIENT_SECRET
from tests.harness.raw_server import Authority, RawServer, reply, unused_port

RUN = {"items": [{"id": "run-1"}]}
BOMB = gzip.compress(b"0" * 40_000_000, mtime=0)


def ask() -> Any:
    """One GET by the connection `aep_default`."""

    async def main() -> Any:
        async with AsyncFlowService("aep_default") as service:
            return await service.call(Call("GET", "/runs/run-1"))

    return asyncio.run(asyncio.wait_for(main(), 60))


def failing(kind: type[errors.AepError], match: str | None = None) -> Any:
    """The error of a call, which holds no secret and nothing of aiohttp's."""
    with pytest.raises(kind, match=match) as caught:
        ask()
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    return caught.value


@pytest.fixture
def tls_server(authority: Authority) -> Iterator[RawServer]:
    """With a certificate of it."""
    with RawServer(reply(200, RUN), tls=authority.server) as server:
        yield server


def test_certificates_are_checked(make_hook: MakeHook, tls_server: RawServer, authority: Authority) -> None:
    """Always; `verify` says whom to trust."""
    make_hook(tls_server.url)
    error = failing(errors.AepConnectError, "the certificate of .* is not trusted: ")
    assert (error.culprit, error.retryable) == ("certificate", False)
    assert tls_server.tokens == []
    make_hook(tls_server.url, extra={"verify": str(authority.bundle)})
    assert ask() == RUN


def test_a_bundle_that_cannot_be_read(make_hook: MakeHook, tls_server: RawServer, tmp_path: Path) -> None:
    """Is named by its setting."""
    broken = tmp_path / "broken.pem"
    broken.write_text("no certificate")
    make_hook(tls_server.url, extra={"verify": str(broken)})
    assert failing(errors.AepConfigError, "cannot be read").parameter == "verify"


def test_nobody_there(make_hook: MakeHook) -> None:
    """The request never left."""
    dead = f"http://127.0.0.1:{unused_port()}"
    make_hook(dead)
    where = rf"could not connect to {dead} \(`ims_host` of the Airflow connection 'aep_default'\): "
    assert failing(errors.AepConnectError, f"{where}Connection refused").culprit == "host"
    make_hook("https://aep.invalid")
    assert failing(errors.AepConnectError, r"aep\.invalid \([^)]+\): [^-.]+\. Check `ims_host`")


@pytest.mark.parametrize(
    ("answer", "kind", "match"),
    [
        (reply(302, location="https://elsewhere.example/"), errors.AepReplyError, "redirect"),
        (reply(200, b"<html>", kind="text/html"), errors.AepReplyError, "HTML page"),
        (reply(404, b"<html>", kind="text/html"), errors.AepReplyError, "other than Adobe"),
        (reply(200, b"x" * 100, content_encoding="br"), errors.AepReplyError, "not asked for"),
        pytest.param(reply(200, BOMB, content_encoding="gzip"), errors.AepReplyError, "32 MiB", id="a bomb"),
        (reply(200, b"no gzip at all", content_encoding="gzip"), errors.AepReplyError, "unzipped"),
        (b"SSH-2.0-OpenSSH\r\n", errors.AepError, "GET /runs/run-1"),
        (raw.reset, errors.AepConnectionLostError, "broke"),
        (reply(429, {}, retry_after="7"), errors.AepThrottledError, "429"),
        (reply(503), errors.AepServerError, "503"),
        (reply(404, {"errorMessage": "gone"}), errors.AepNotFoundError, "404"),
    ],
)
def test_replies_that_are_none(make_hook: MakeHook, answer: Any, kind: Any, match: str) -> None:
    """Each is the same typed error as the blocking hook's."""
    with RawServer(answer) as server:
        make_hook(server.url)
        failing(kind, match)


def slow(peer: raw.Peer) -> None:
    """Says nothing."""
    while peer.pause(0.1):
        pass


@pytest.mark.parametrize("failure", ["port", "certificate", "proxy", "zip", "reset", "silence", "redirect"])
def test_both_sides_use_the_same_words(
    make_hook: MakeHook, monkeypatch: pytest.MonkeyPatch, waits: Any, authority: Authority, failure: str
) -> None:
    """One failure is one sentence, whoever met it."""
    answers = {
        "zip": reply(200, b"no gzip at all", content_encoding="gzip"),
        "reset": raw.reset,
        "silence": slow,
        "redirect": reply(302, location="https://elsewhere.example/"),
    }
    tls = authority.server if failure == "certificate" else None
    with RawServer(answers.get(failure, reply(200, RUN)), tls=tls) as server:
        url = f"http://127.0.0.1:{unused_port()}" if failure == "port" else server.url
        hook = make_hook(url, extra={"timeout": 0.5})
        if failure == "proxy":
            monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{unused_port()}")
        told = str(failing(errors.AepError))
        with pytest.raises(errors.AepError) as caught:
            hook.call(Call("GET", "/runs/run-1"))
    assert str(caught.value) == told


def test_zipped_replies_are_read(make_hook: MakeHook) -> None:
    """They are asked for."""
    zipped = gzip.compress(json.dumps(RUN).encode())
    with RawServer(reply(200, zipped, content_encoding="gzip")) as server:
        make_hook(server.url)
        assert ask() == RUN


def test_the_timeout_bounds_the_whole_reply(make_hook: MakeHook) -> None:
    """A byte now and then does not keep it open."""

    def drip(peer: raw.Peer) -> None:
        peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\ncontent-type: application/json\r\n\r\n")
        while peer.pause(0.1):
            peer.send(b" ")

    with RawServer(drip) as server:
        make_hook(server.url, extra={"timeout": 0.5})
        failing(errors.AepTimeoutError, "within 0.5 s")


def test_a_refused_token_is_renewed_once(make_hook: MakeHook) -> None:
    """A second refusal is due to the credential."""
    with RawServer(reply(401, {"error_code": "401013"}), reply(200, RUN)) as server:
        make_hook(server.url)
        assert ask() == RUN
        assert len(server.tokens) == 2
    with RawServer(reply(401, {"error_code": "401013"})) as server:
        make_hook(server.url)
        failing(errors.AepAuthError, "401013")


def test_an_echoed_secret_is_scrubbed(make_hook: MakeHook) -> None:
    """In whatever the service says of an error."""
    with RawServer(reply(400, {"message": f"bad {CLIENT_SECRET} {raw.TOKEN}"})) as server:
        make_hook(server.url)
        failing(errors.AepRequestError, r"\*\*\*")


def test_netrc_does_not_replace_the_token(
    make_hook: MakeHook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Proxies of the environment are honoured, this file is not."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with RawServer(reply(200, RUN)) as server:
        make_hook(server.url)
        assert ask() == RUN
        assert server.requests[-1].headers["authorization"] == f"Bearer {raw.TOKEN}"


def test_a_proxy_of_the_environment_is_used(make_hook: MakeHook, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its user; and left out where NO_PROXY says so."""
    with RawServer(reply(200, RUN)) as server:
        make_hook(server.url)
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{unused_port()}")
        assert failing(errors.AepConnectError, "proxy").culprit == "proxy"
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        assert ask() == RUN
    with RawServer(reply(200, RUN)) as proxy:
        make_hook("http://127.0.0.1:9")
        monkeypatch.delenv("NO_PROXY")
        monkeypatch.setenv("HTTP_PROXY", proxy.url.replace("http://", f"http://me:{canary.CORE}Word@"))
        assert ask() == RUN
        # aiohttp before 3.13 says it once a connection; a tunnel, which https takes, never needs it twice
        assert proxy.tokens[0].headers["proxy-authorization"].startswith("Basic ")


@pytest.mark.parametrize(
    ("no_proxy", "straight"),
    [
        ("127.0.0.0/8", True),
        ("10.0.0.0/8, 127.0.0.1/32", True),
        ("10.0.0.0/8", False),
        ("*", True),
        ("", False),
    ],
)
def test_both_sides_go_the_same_way(
    make_hook: MakeHook, monkeypatch: pytest.MonkeyPatch, waits: Any, no_proxy: str, straight: bool
) -> None:
    """NO_PROXY, networks in it too, sends the hook and the trigger alike straight to the service or not."""
    with RawServer(reply(200, RUN)) as server, RawServer(reply(200, RUN)) as proxy:
        hook = make_hook(server.url)
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", no_proxy)
        assert ask() == RUN
        used = [len(server.requests), len(proxy.requests)]
        hook.call(Call("GET", "/runs/run-1"))
    assert used == ([1, 0] if straight else [0, 1])
    assert [len(server.requests), len(proxy.requests)] == [2 * count for count in used]


def test_all_on_a_loop_share_one_session(make_hook: MakeHook) -> None:
    """Two sandboxes of a connection: one token, one TLS context, one pool, closed after the last."""
    from airflow_provider_aep.hooks import aio

    async def main() -> None:
        one, two = AsyncFlowService("aep_default", "prod"), AsyncFlowService("aep_default", "dev")
        async with one, two:
            assert one._transport is two._transport
            calls = (service.call(Call("GET", "/runs/run-1")) for service in (one, two))
            await asyncio.gather(*calls)
            transport = one._transport
        assert transport._session.closed
        assert not aio._SHARED[asyncio.get_running_loop()]

    with RawServer(reply(200, RUN)) as server:
        make_hook(server.url)
        asyncio.run(main())
        assert len(server.tokens) == 1
        assert {one.headers["x-sandbox-name"] for one in server.requests if "runs" in one.path} == {
            "prod",
            "dev",
        }
